//! The tokenizer on vectors, on its own inverse and on damaged files.

mod support;

use support::{Chance, sentencepiece, shared, small_tokenizer};
use tinyllama::{StreamDecoder, Tokenizer};

#[derive(serde::Deserialize)]
struct Vector {
    text: String,
    ids: Vec<u32>,
}

fn small() -> Tokenizer {
    Tokenizer::from_sentencepiece(&small_tokenizer()).unwrap()
}

fn random_text(chance: &mut Chance) -> String {
    let letters = [
        't', 'h', 'e', ' ', ' ', 'a', 'n', 'q', '\n', 'é', '▁', '漢', '🦙', '\u{301}', '\0', '<', 's', '>',
    ];
    (0..chance.below(60))
        .map(|_| letters[chance.below(letters.len())])
        .collect()
}

#[test]
fn llama_vectors_give_their_ids_and_come_back_as_text() {
    let name = "llama_vectors_give_their_ids_and_come_back_as_text";
    let Some(file) = shared(name, "tokenizer.model") else {
        return;
    };
    let tokenizer = Tokenizer::from_sentencepiece(&file).unwrap();
    assert_eq!(
        (tokenizer.len(), tokenizer.bos(), tokenizer.eos()),
        (32_000, Some(1), Some(2))
    );
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../testdata/tokenizer-vectors.json")).unwrap();
    assert!(vectors.len() >= 20);
    for Vector { text, ids } in vectors {
        assert_eq!(tokenizer.encode(&text, false), ids, "{text:?}");
        assert_eq!(tokenizer.encode(&text, true), [&[1], &ids[..]].concat());
        assert_eq!(tokenizer.decode(&ids), text);
    }
}

#[test]
fn any_text_comes_back_from_its_ids() {
    let name = "any_text_comes_back_from_its_ids (Llama vocabulary)";
    let llama = shared(name, "tokenizer.model").map(|file| Tokenizer::from_sentencepiece(&file).unwrap());
    let mut chance = Chance(1);
    for tokenizer in [Some(small()), llama].into_iter().flatten() {
        for _ in 0..2000 {
            // "▁" in a text is a blank afterwards, as SentencePiece has it.
            let text = random_text(&mut chance);
            assert_eq!(tokenizer.decode(&tokenizer.encode(&text, true)), text.replace('▁', " "));
        }
    }
}

#[test]
fn merges_follow_their_scores_and_unknown_characters_become_bytes() {
    let tokenizer = small();
    let pieces = |text: &str| -> Vec<String> {
        tokenizer
            .encode(text, false)
            .iter()
            .map(|&id| tokenizer.piece(id).unwrap().to_owned())
            .collect()
    };
    assert_eq!(pieces("the"), ["▁", "th", "e"]);
    assert_eq!(pieces("x  né"), ["▁", "<0x78>", "▁▁", "n", "<0xC3>", "<0xA9>"]);
    assert_eq!(pieces("<s>"), ["▁", "<0x3C>", "s", "<0x3E>"]);
    assert_eq!(tokenizer.encode("", true), [1]);
    assert_eq!(tokenizer.encode("", false), [0u32; 0]);
}

#[test]
fn a_character_split_over_tokens_appears_with_its_last_byte() {
    let tokenizer = small();
    let mut stream = StreamDecoder::new(true);
    let texts: Vec<String> = tokenizer
        .encode("a🦙 é", true)
        .iter()
        .map(|&id| stream.push(&tokenizer, id))
        .collect();
    assert_eq!(texts, ["", "a", "", "", "", "🦙", " ", "", "é"]);
    assert_eq!(stream.finish(), "");
    let ids = tokenizer.encode("é", false);
    assert_eq!(stream.push(&tokenizer, ids[1]), "");
    assert_eq!(stream.push(&tokenizer, ids[1]), "\u{FFFD}");
    assert_eq!(stream.finish(), "\u{FFFD}");
    assert_eq!(stream.finish(), "");
}

#[test]
fn streaming_in_the_middle_of_a_text_keeps_its_blank() {
    let tokenizer = small();
    let ids = tokenizer.encode("the", false);
    let mut stream = StreamDecoder::new(false);
    assert_eq!(
        ids.iter().map(|&id| stream.push(&tokenizer, id)).collect::<String>(),
        " the"
    );
    assert_eq!(tokenizer.decode(&ids), "the");
}

#[test]
fn any_ids_decode_like_the_bytes_they_stand_for() {
    let tokenizer = small();
    let mut chance = Chance(2);
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..chance.below(12)).map(|_| chance.next() as u8).collect();
        let ids: Vec<u32> = bytes.iter().map(|&byte| 3 + u32::from(byte)).collect();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(tokenizer.decode(&ids), text.strip_prefix(' ').unwrap_or(&text));
    }
    assert_eq!(tokenizer.decode(&[u32::MAX, 290, 1, 2]), "");
    assert_eq!(tokenizer.decode(&[0]), "\u{2047} ");
}

#[test]
fn long_runs_are_not_quadratic() {
    // 2^18 blanks merge in about as many steps; a quadratic loop would need hours.
    let tokenizer = small();
    assert_eq!(tokenizer.encode(&" ".repeat((1 << 18) - 1), false).len(), 1 << 17);
}

#[test]
fn damaged_and_foreign_files_are_told_apart() {
    let code = |file: &[u8]| Tokenizer::from_sentencepiece(file).unwrap_err().code();
    let file = small_tokenizer();
    assert_eq!(code(b""), "unsupported");
    assert_eq!(code(b"{\"version\": \"1.0\"}"), "corrupt");
    let truncated = (1..file.len())
        .filter(|&end| Tokenizer::from_sentencepiece(&file[..end]).is_ok())
        .count();
    assert_eq!(truncated, 0);
    let unnamed = sentencepiece(&[(String::new(), 0.0)]);
    assert_eq!(code(&unnamed), "corrupt");
    assert_eq!(code(&sentencepiece(&[("a".into(), f32::NAN)])), "corrupt");
    // The trainer's model type, BPE, becomes unigram.
    let at = file
        .windows(4)
        .position(|bytes| bytes == [0x18, 2, 0x98, 0x02])
        .unwrap();
    let mut unigram = file.clone();
    unigram[at + 1] = 1;
    assert_eq!(code(&unigram), "unsupported");
}

#[test]
fn no_bytes_make_it_panic() {
    let file = small_tokenizer();
    let mut chance = Chance(3);
    let mut sound = 0;
    for _ in 0..3000 {
        let mut damaged = file.clone();
        for _ in 0..1 + chance.below(4) {
            let at = chance.below(damaged.len());
            damaged[at] = chance.next() as u8;
        }
        if let Ok(tokenizer) = Tokenizer::from_sentencepiece(&damaged) {
            let ids = tokenizer.encode("the tin and 漢 on", true);
            assert!(ids.iter().all(|&id| (id as usize) < tokenizer.len()));
            tokenizer.decode(&ids);
            sound += 1;
        }
    }
    assert!(
        sound > 100 && sound < 3000,
        "{sound} of 3000 damaged files were still sound"
    );
}
