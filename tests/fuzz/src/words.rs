//! Texts of a language from bytes: some bytes stand for its words, all others for themselves.
//!
//! A fuzzer that changes, adds or drops a byte then changes, adds or drops a word.

/// The text. Bytes from 0x80 on stand for words.
#[must_use]
pub fn text(bytes: &[u8], words: &[&str]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match usize::from(*byte).checked_sub(0x80).and_then(|number| words.get(number % words.len().max(1))) {
            Some(word) => text.push_str(word),
            None => text.push(char::from(*byte)),
        }
    }
    text
}

/// The other way round, for seeds: the longest word that stands at a place becomes its byte.
#[must_use]
pub fn bytes(text: &str, words: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let word = words.iter().take(0x80).enumerate().filter(|(_, word)| !word.is_empty() && rest.starts_with(**word));
        let (byte, length) = match word.max_by_key(|(_, word)| word.len()) {
            Some((number, word)) => (0x80 + u8::try_from(number).unwrap(), word.len()),
            None => (if character.is_ascii() { character as u8 } else { b'?' }, character.len_utf8()),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_and_letters_come_back() {
        let words = ["permit", "(", "per"];
        assert_eq!(super::bytes("permit(x)", &words), [0x80, 0x81, b'x', b')']);
        assert_eq!(super::text(&[0x80, 0x81, b'x', b')', 0x82], &words), "permit(x)per");
    }
}
