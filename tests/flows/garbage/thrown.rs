//! The garbage itself: bytes that no honest client sends.

/// A megabyte, as disks count.
const MB: usize = 1024 * 1024;

/// Everything that is thrown once, each with its name.
pub(super) fn all(path: &str) -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<_> = smuggled(path);
    all.extend([
        ("nothing but noise", noise(64 * 1024)),
        ("noise with an end of line", [noise(512), b"\r\n\r\n".to_vec()].concat()),
        ("a hundred thousand headers", headers(path)),
        ("one header of a megabyte", {
            let long = "x".repeat(MB);
            format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n").into_bytes()
        }),
        ("an address of a megabyte", {
            let long = "x".repeat(MB);
            format!("POST {path}/{long} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
        }),
        ("a body of 10 MB", large(path)),
        ("a body of 10 MB in pieces", pieces(path)),
        (
            "the beginning of a TLS connection",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        ),
    ]);
    all
}

/// A body of 10 MB, announced.
pub(super) fn large(path: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 10 * MB);
    [head.into_bytes(), vec![b'['; 10 * MB]].concat()
}

/// The same without saying how long it is.
fn pieces(path: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let piece = [b"10000\r\n".as_slice(), &vec![b'{'; MB / 16], b"\r\n"].concat();
    [head.into_bytes(), piece.repeat(160), b"0\r\n\r\n".to_vec()].concat()
}

fn headers(path: &str) -> Vec<u8> {
    let many = "x-many: y\r\n".repeat(100_000);
    format!("POST {path} HTTP/1.1\r\nhost: x\r\n{many}\r\n").into_bytes()
}

/// Requests whose length can be read in two ways, or in none.
fn smuggled(path: &str) -> Vec<(&'static str, Vec<u8>)> {
    let inner = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
    let request = |lines: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: x\r\n{lines}\r\n\r\n{body}").into_bytes()
    };
    let chunked = format!("0\r\n\r\n{inner}");
    vec![
        (
            "two kinds of length",
            request("content-length: 6\r\ntransfer-encoding: chunked", &chunked),
        ),
        ("two lengths", request("content-length: 0\r\ncontent-length: 5", inner)),
        ("a length with a sign", request("content-length: +5", inner)),
        ("a negative length", request("content-length: -1", inner)),
        ("a length beyond all numbers", request("content-length: 99999999999999999999999", inner)),
        ("an unknown encoding", request("transfer-encoding: xchunked", &chunked)),
        ("an encoding with a space", request("transfer-encoding : chunked", &chunked)),
        ("a piece beyond all numbers", {
            request("transfer-encoding: chunked", &format!("FFFFFFFFFFFFFFFFF\r\n{inner}"))
        }),
        ("a piece of no length", request("transfer-encoding: chunked", &format!("zz\r\n{inner}"))),
        ("a folded header", request("x-folded: a\r\n b", inner)),
        ("a header with a zero", request("x-zero: a\0b", inner)),
        (
            "a version of the future",
            format!("POST {path} HTTP/9.9\r\nhost: x\r\n\r\n").into_bytes(),
        ),
        ("no version", format!("GET {path}\r\n\r\n").into_bytes()),
        ("no end of line", format!("GET {path} HTTP/1.1\nhost: x\n\n").into_bytes()),
        ("a way out", b"GET /api/v1/../../metrics HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("somebody else's name", b"CONNECT example.test:443 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("another protocol", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x09\x04\0\0\0\0\0".to_vec()),
    ]
}

/// Bytes without rhyme or reason, the same in each run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
