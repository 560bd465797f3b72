//! Plain tensors: one image `[channel][row][column]` and kernels `[kernel][channel][row][column]`. Knows no layout.

/// One image or feature map, `[channel][row][column]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map<T> {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `channels * height * width` values, columns fastest.
    pub values: Vec<T>,
}

impl<T: Copy> Map<T> {
    /// Fills a map by asking for every (channel, row, column).
    pub fn from_fn(
        channels: usize,
        height: usize,
        width: usize,
        mut value: impl FnMut(usize, usize, usize) -> T,
    ) -> Self {
        let mut values = Vec::with_capacity(channels * height * width);
        for channel in 0..channels {
            for row in 0..height {
                for column in 0..width {
                    values.push(value(channel, row, column));
                }
            }
        }
        Self {
            channels,
            height,
            width,
            values,
        }
    }

    /// The value at a position that lies inside.
    pub fn at(&self, channel: usize, row: usize, column: usize) -> T {
        assert!(channel < self.channels && row < self.height && column < self.width);
        self.values[(channel * self.height + row) * self.width + column]
    }

    /// The value at a position that may lie outside, where `pad` stands.
    pub fn padded(&self, channel: usize, row: i64, column: i64, pad: T) -> T {
        let inside = |position: i64, size: usize| usize::try_from(position).ok().filter(|&at| at < size);
        match (inside(row, self.height), inside(column, self.width)) {
            (Some(row), Some(column)) => self.at(channel, row, column),
            _ => pad,
        }
    }

    /// The map of another element type with the same shape.
    pub fn map<U: Copy>(&self, change: impl FnMut(T) -> U) -> Map<U> {
        let values = self.values.iter().copied().map(change).collect();
        Map {
            channels: self.channels,
            height: self.height,
            width: self.width,
            values,
        }
    }
}

/// Kernels of a convolution, `[kernel][channel][row][column]`. Depthwise kernels have one channel each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernels<T> {
    /// Kernels.
    pub count: usize,
    /// Channels of each kernel.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `count * channels * height * width` values, columns fastest.
    pub values: Vec<T>,
}

impl<T: Copy> Kernels<T> {
    /// Fills kernels by asking for values in order.
    pub fn from_fn(
        (count, channels): (usize, usize),
        (height, width): (usize, usize),
        mut value: impl FnMut() -> T,
    ) -> Self {
        let values = (0..count * channels * height * width).map(|_| value()).collect();
        Self {
            count,
            channels,
            height,
            width,
            values,
        }
    }

    /// One weight.
    pub fn at(&self, kernel: usize, channel: usize, row: usize, column: usize) -> T {
        assert!(kernel < self.count && channel < self.channels && row < self.height && column < self.width);
        self.values[((kernel * self.channels + channel) * self.height + row) * self.width + column]
    }
}

/// Nearest upsampling: every value twice in both directions.
pub fn upsample<T: Copy>(map: &Map<T>) -> Map<T> {
    Map::from_fn(map.channels, 2 * map.height, 2 * map.width, |channel, row, column| {
        map.at(channel, row / 2, column / 2)
    })
}
