//! Bodies of a bounded size that must come in a bounded time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

/// How much of an oversized body is read and thrown away, so that its sender gets to see our answer
/// instead of a reset connection.
const SWALLOWED: usize = 1024 * 1024;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is too large.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most that is taken.
        limit: usize,
    },
    /// It did not come in time.
    #[error("the body did not come in time")]
    Slow,
    /// Its connection broke, or it is not framed as announced.
    #[error("the body broke off")]
    Broken(#[source] axum::Error),
}

/// Reads a body of at most `limit` bytes within a time.
pub(crate) async fn read(body: Body, limit: usize, within: Duration) -> Result<Bytes, BodyError> {
    match tokio::time::timeout(within, collect(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(BodyError::Slow),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut chunks = body.into_data_stream();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(BodyError::Broken)?;
        length = length.saturating_add(chunk.len());
        if length > SWALLOWED.max(limit) {
            break;
        } else if length > limit {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // Nearly every body comes in one piece, which then needs no copy.
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&chunk);
        }
    }
    match (length > limit, rest.is_empty()) {
        (true, _) => Err(BodyError::TooLarge { limit }),
        (false, true) => Ok(first),
        (false, false) => Ok(rest.freeze()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn however_a_body_comes_it_is_what_was_sent_or_too_large(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..8),
            limit in 0_usize..80,
        ) {
            let whole = chunks.concat();
            let chunks = chunks.into_iter().map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
            let body = Body::from_stream(stream::iter(chunks));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let read = runtime.unwrap().block_on(read(body, limit, Duration::from_mins(1)));
            match read {
                Ok(read) => prop_assert!(read == whole && whole.len() <= limit),
                Err(BodyError::TooLarge { .. }) => prop_assert!(whole.len() > limit),
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }

    fn body(chunks: Vec<&'static str>) -> Body {
        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, Infallible>)))
    }

    #[tokio::test]
    async fn a_body_is_put_together_up_to_its_limit() {
        let second = Duration::from_secs(1);
        for (chunks, whole) in
            [(vec![], ""), (vec!["abc"], "abc"), (vec!["", "ab", "c", "d"], "abcd")]
        {
            assert_eq!(read(body(chunks), 4, second).await.unwrap(), whole);
        }
        for chunks in [vec!["abcde"], vec!["abc", "de"], vec!["ab", "cd", "e", "f"]] {
            let refused = read(body(chunks), 4, second).await;
            assert!(matches!(refused, Err(BodyError::TooLarge { limit: 4 })));
        }
    }

    #[tokio::test]
    async fn one_that_never_ends_is_given_up() {
        let endless = Body::from_stream(stream::repeat(Ok::<_, Infallible>("x".repeat(4096))));
        let refused = read(endless, 100, Duration::from_secs(10)).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { .. })));
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let refused = read(stalled, 100, Duration::from_millis(10)).await;
        assert!(matches!(refused, Err(BodyError::Slow)));
    }
}
