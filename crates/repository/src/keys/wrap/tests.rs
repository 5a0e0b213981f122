use proptest::prelude::*;

use super::*;

/// A wrap of each kind, made by the code of the first release under fixed secrets: the bytes of the format.
const FILE_WRAP: &str = concat!(
    r#"{"format":1,"key":"abababababababababababababababab","wrap":"file-3a854e8d4c1f787b","created":"1970-01-01T00:00:00Z","#,
    r#""salt":"7M8c7R9Fj61agmNHc33cw56drGXiqJx60a1vCUKN0vQ=","argon2_memory_kib":0,"argon2_passes":0,"#,
    r#""sealed":"gyKN4MaMo5HrBIJw1HSqBxm0Nu8u68/CF4FgJWyXnk1ZmIKQ2Bvnrmc4kehvMxWv","check":"47a1d6e79713caea29f4beb78f013809"}"#,
    "\n",
);
const PASSPHRASE_WRAP: &str = concat!(
    r#"{"format":1,"key":"abababababababababababababababab","wrap":"passphrase-0123456789abcdef","created":"1970-01-01T00:00:00Z","#,
    r#""salt":"mT9V0dOtlnmvEYfZZKn01lmvVXISntenrGWJB+alcfE=","argon2_memory_kib":65536,"argon2_passes":3,"#,
    r#""sealed":"KoVUTfOk9MgjaD8s2FkXwLIxoSeVt77D4xAR+q+03OzUUepLQApLm7kQpfPH08fv","check":"e1035fa0a3fdf1aa14a23aa7af31e3ab"}"#,
    "\n",
);

fn file() -> KeySecret {
    KeySecret::File([7; 32])
}

fn passphrase() -> KeySecret {
    KeySecret::Passphrase("correct horse battery staple".to_owned())
}

fn name_of(secret: &KeySecret) -> String {
    secret.file_name().unwrap_or_else(|| "passphrase-0123456789abcdef".to_owned())
}

fn problem(bytes: &[u8]) -> String {
    Wrap::parse(bytes).expect_err("refused").to_string()
}

/// What `edit` makes of a wrap, with the checksum that belongs to it.
fn edited(text: &str, edit: impl FnOnce(&mut Wrap)) -> Vec<u8> {
    let mut wrap = Wrap::parse(text.as_bytes()).expect("own bytes");
    edit(&mut wrap);
    wrap.check = wrap.check();
    wrap.render()
}

#[test]
fn only_its_own_secret_opens_a_wrap() {
    let key = DataKey::random();
    for secret in [KeySecret::random_file(), passphrase()] {
        let wrap = Wrap::new(&key, Timestamp::UNIX_EPOCH, &secret, &name_of(&secret));
        let wrap = Wrap::parse(&wrap.render()).expect("own bytes");
        let opened = wrap.open(&secret).expect("whole").expect("own secret");
        assert_eq!((opened.id(), opened.secret()), (key.id(), key.secret()));
        assert!(wrap.open(&KeySecret::random_file()).expect("whole").is_none());
        assert!(wrap.open(&KeySecret::Passphrase("other".to_owned())).expect("whole").is_none());
    }
}

#[test]
fn wraps_of_the_first_release_open() {
    for (text, secret) in [(FILE_WRAP, file()), (PASSPHRASE_WRAP, passphrase())] {
        let wrap = Wrap::parse(text.as_bytes()).expect("whole");
        let opened = wrap.open(&secret).expect("whole").expect("own secret");
        assert_eq!((opened.id().to_string(), *opened.secret()), ("ab".repeat(16), [5; 32]));
        assert_eq!(wrap.created(), Timestamp::UNIX_EPOCH);
        assert_eq!(String::from_utf8(wrap.render()).expect("text"), text);
    }
}

#[test]
fn a_flipped_bit_is_noticed_without_the_secret() {
    for text in [FILE_WRAP, PASSPHRASE_WRAP] {
        for index in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.as_bytes().to_vec();
                changed[index] ^= 1 << bit;
                assert!(Wrap::parse(&changed).is_err(), "bit {bit} of byte {index}");
            }
        }
    }
}

#[test]
fn a_cut_or_lengthened_wrap_is_noticed() {
    for length in 0..FILE_WRAP.len() {
        assert!(Wrap::parse(&FILE_WRAP.as_bytes()[..length]).is_err(), "cut to {length} bytes");
    }
    for more in ["\n", " ", "{}"] {
        assert!(Wrap::parse(format!("{FILE_WRAP}{more}").as_bytes()).is_err(), "{more:?} at the end");
    }
}

#[test]
fn another_format_is_told_from_damage() {
    let newer = FILE_WRAP.replace(r#"{"format":1,"#, r#"{"format":2,"more":true,"#);
    assert!(problem(newer.as_bytes()).contains("format 2 is not known to this release"));
    assert!(problem(&edited(FILE_WRAP, |wrap| wrap.clear.format = 0)).contains("format 0"));
}

#[test]
fn what_is_not_written_so_is_refused() {
    for (from, to) in [
        ("{\"format\"", "{ \"format\""),
        ("\"format\":1", "\"format\":1.0"),
        ("\"sealed\"", "\"more\":1,\"sealed\""),
        ("\"format\":1", "\"format\":1,\"format\":1"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0Z"),
        ("\"wrap\"", "\"\\u0077rap\""),
    ] {
        let changed = FILE_WRAP.replacen(from, to, 1);
        assert_ne!(changed, FILE_WRAP);
        assert!(Wrap::parse(changed.as_bytes()).is_err(), "{from} as {to}");
    }
}

/// A checksum says nothing of sense: whoever made one for nonsense is refused too.
#[test]
fn fields_out_of_range_are_refused() {
    let sealed = |wrap: &mut Wrap| wrap.sealed = STANDARD.encode([0; 47]);
    assert!(problem(&edited(FILE_WRAP, sealed)).contains("sealed key"));
    let salt = |wrap: &mut Wrap| wrap.clear.salt = STANDARD.encode([0; 31]);
    assert!(problem(&edited(FILE_WRAP, salt)).contains("salt"));
    let key = |wrap: &mut Wrap| wrap.clear.key = "AB".repeat(16);
    assert!(problem(&edited(FILE_WRAP, key)).contains("key id"));
    for name in ["file-0123456789ABCDEF", "file-01", "other-0123456789abcdef", "file"] {
        let name = |wrap: &mut Wrap| name.clone_into(&mut wrap.clear.wrap);
        assert!(problem(&edited(FILE_WRAP, name)).contains("name"));
    }
    let passes = |passes| move |wrap: &mut Wrap| wrap.clear.argon2_passes = passes;
    let memory = |memory| move |wrap: &mut Wrap| wrap.clear.argon2_memory_kib = memory;
    assert!(problem(&edited(FILE_WRAP, passes(1))).contains("argon2"));
    for text in [
        edited(PASSPHRASE_WRAP, passes(0)),
        edited(PASSPHRASE_WRAP, passes(65)),
        edited(PASSPHRASE_WRAP, memory(7)),
        edited(PASSPHRASE_WRAP, memory((1 << 20) + 1)),
    ] {
        assert!(problem(&text).contains("argon2"));
    }
}

proptest! {
    #[test]
    fn a_flipped_bit_of_any_wrap_is_noticed(
        secret: [u8; 32],
        milliseconds in 0..4_000_000_000_000_i64,
        position: proptest::sample::Index,
    ) {
        let secret = KeySecret::File(secret);
        let created = Timestamp::from_millisecond(milliseconds).expect("in range");
        let mut bytes = Wrap::new(&DataKey::random(), created, &secret, &name_of(&secret)).render();
        prop_assert!(Wrap::parse(&bytes).is_ok());
        let bit = position.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Wrap::parse(&bytes).is_err());
    }

    #[test]
    fn parsing_never_panics(bytes: Vec<u8>) {
        prop_assert!(Wrap::parse(&bytes).is_err());
    }
}
