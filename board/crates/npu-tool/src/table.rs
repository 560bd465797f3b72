//! Tables for people: columns as wide as their widest cell, numbers to the right. Knows no content.

/// A table.
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; a head that begins with `>` is a column of numbers, set to the right.
    pub fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell for each head.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.heads.len());
        self.rows.push(cells);
    }

    /// The text, a line feed after every line; empty where there are no rows.
    pub fn text(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let title = |head: &'static str| head.trim_start_matches('>');
        let wide = |text: &str| text.chars().count();
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|column| {
                self.rows
                    .iter()
                    .map(|row| wide(&row[column]))
                    .fold(wide(title(self.heads[column])), usize::max)
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for ((cell, width), head) in cells.zip(&widths).zip(&self.heads) {
                let padding = " ".repeat(width - wide(cell));
                if head.starts_with('>') {
                    text += &format!("{padding}{cell}  ");
                } else {
                    text += &format!("{cell}{padding}  ");
                }
            }
            text.trim_end().to_owned() + "\n"
        };
        let mut text = line(&mut self.heads.iter().map(|&head| title(head)));
        for row in &self.rows {
            text += &line(&mut row.iter().map(String::as_str));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_under_the_end_of_their_head() {
        let mut table = Table::new(&["name", ">words"]);
        table.row(vec!["a".into(), "9".into()]);
        table.row(vec!["longer".into(), "1024".into()]);
        assert_eq!(table.text(), "name    words\na           9\nlonger   1024\n");
    }
}
