//! Seals over the ends of the decisions' chains: a Merkle root of what changed, led on from the last.
//!
//! A seal's hash covers everything that was decided up to it: whoever noted one elsewhere can tell
//! whether anything before it was changed since, in any row.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use tandem_domain::{
    decision::{Head, stored},
    id::IncidentId,
};
use uuid::Uuid;

use crate::{
    StoreError,
    rows::{Place, Raw, batch, bigint},
};

/// The most incidents one seal covers; what is left has the next one.
const LEAVES_MAX: i64 = 50_000;

/// One seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Its number, from 1.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// How many incidents it covers.
    pub leaves: u64,
    /// The Merkle root over them, in hex.
    pub tree: String,
    /// The hash of the seal before, in hex; empty for the first.
    pub previous: String,
    /// Its own hash, in hex.
    pub hash: String,
}

impl Seal {
    /// What its hash must be.
    pub fn expected_hash(&self) -> String {
        let Self { number, at, leaves, tree, previous, .. } = self;
        let at = at.as_microsecond();
        hex::encode(Sha256::digest(format!("{number}\n{at}\n{leaves}\n{tree}\n{previous}")))
    }
}

/// The end of an incident's chain as a seal covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// The incident.
    pub incident: IncidentId,
    /// The end of its chain at that time.
    pub head: Head,
}

/// The Merkle root over leaves, in hex (the tree of RFC 6962, section 2.1).
pub fn tree(leaves: &[Leaf]) -> String {
    let mut level: Vec<_> = leaves
        .iter()
        .map(|Leaf { incident, head }| {
            let mut hash = Sha256::new_with_prefix([0]);
            hash.update(format!("{incident}\n{}\n{}", head.length, head.hash));
            hash.finalize()
        })
        .collect();
    while level.len() > 1 {
        let parents = level.chunks(2).map(|pair| match pair {
            [left, right] => {
                let mut hash = Sha256::new_with_prefix([1]);
                hash.update(left);
                hash.update(right);
                hash.finalize()
            }
            // The odd one out moves up as it is.
            odd => odd.first().copied().unwrap_or_default(),
        });
        level = parents.collect();
    }
    level.first().map_or_else(|| hex::encode(Sha256::digest([])), hex::encode)
}

struct Row {
    number: i64,
    at: jiff_sqlx::Timestamp,
    leaves: i64,
    tree: String,
    previous: String,
    hash: String,
}

impl Row {
    fn seal(self) -> Result<Seal, StoreError> {
        let place =
            Place { table: "seals", row: Uuid::from_u64_pair(0, self.number.unsigned_abs()) };
        Ok(Seal {
            number: place.count("number", self.number)?,
            at: self.at.to_jiff(),
            leaves: place.count("leaves", self.leaves)?,
            tree: self.tree,
            previous: self.previous,
            hash: self.hash,
        })
    }
}

/// The last seal: what to note elsewhere, and compare with later.
pub async fn last(conn: &mut PgConnection) -> Result<Option<Seal>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select number, at, leaves, tree, previous, hash from seals order by number desc limit 1"
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading the last seal"))?;
    row.map(Row::seal).transpose()
}

/// Seals after a number, in order.
pub async fn list(
    conn: &mut PgConnection,
    after: u64,
    limit: u32,
) -> Result<Vec<Seal>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select number, at, leaves, tree, previous, hash
        from seals
        where number > $1
        order by number
        limit $2
        "#,
        bigint(after),
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading seals"))?;
    rows.into_iter().map(Row::seal).collect()
}

/// What a seal covers, in the order of its tree.
pub async fn leaves(conn: &mut PgConnection, seal: u64) -> Result<Vec<Leaf>, StoreError> {
    let rows = sqlx::query!(
        "select incident, length, head from seal_leaves where seal = $1 order by incident",
        bigint(seal)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading what a seal covers"))?;
    let leaf = |(incident, length, hash): (Uuid, i64, String)| {
        let place = Place { table: "seal_leaves", row: incident };
        let head = Head { length: place.count("length", length)?, hash };
        Ok(Leaf { incident: IncidentId::from_uuid(incident), head })
    };
    rows.into_iter().map(|row| leaf((row.incident, row.length, row.head))).collect()
}

/// Seals what was decided since the last seal. None where there is nothing to seal, or another copy
/// is at it.
pub async fn seal(conn: &mut PgConnection, at: Timestamp) -> Result<Option<Seal>, StoreError> {
    let mine = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('seals', 0)) as "mine!""#
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(StoreError::doing("waiting for nobody to seal"))?;
    if !mine {
        return Ok(None);
    }
    let leaves = take_unsealed(conn).await?;
    if leaves.is_empty() {
        return Ok(None);
    }
    let before = last(conn).await?;
    let (number, previous) = before.map_or((0, String::new()), |seal| (seal.number, seal.hash));
    let mut seal = Seal {
        number: number + 1,
        at: stored(at),
        leaves: leaves.len() as u64,
        tree: tree(&leaves),
        previous,
        hash: String::new(),
    };
    seal.hash = seal.expected_hash();
    write(conn, &seal, &leaves).await?;
    Ok(Some(seal))
}

/// The ends of the chains that grew since the last seal, by incident, which count as sealed then.
async fn take_unsealed(conn: &mut PgConnection) -> Result<Vec<Leaf>, StoreError> {
    let rows = sqlx::query!(
        r#"
        with taken as (
            delete from unsealed
            where ctid = any(array(select ctid from unsealed limit $1))
            returning incident
        )
        select id, chain_length, chain_hash
        from incidents
        where id in (select incident from taken)
        order by id
        "#,
        LEAVES_MAX
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("reading what is not sealed yet"))?;
    let leaf = |(incident, length, hash): (Uuid, i64, String)| {
        let place = Place { table: "incidents", row: incident };
        let head = Head { length: place.count("chain_length", length)?, hash };
        Ok(Leaf { incident: IncidentId::from_uuid(incident), head })
    };
    rows.into_iter().map(|row| leaf((row.id, row.chain_length, row.chain_hash))).collect()
}

#[derive(Serialize)]
struct WrittenLeaf<'a> {
    incident: Uuid,
    length: i64,
    head: &'a str,
}

async fn write(conn: &mut PgConnection, seal: &Seal, leaves: &[Leaf]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into seals (number, at, leaves, tree, previous, hash)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        bigint(seal.number),
        seal.at.to_sqlx() as jiff_sqlx::Timestamp,
        bigint(seal.leaves),
        seal.tree,
        seal.previous,
        seal.hash
    )
    .execute(&mut *conn)
    .await
    .map_err(StoreError::doing("adding a seal"))?;
    let rows = leaves.iter().map(|leaf| WrittenLeaf {
        incident: leaf.incident.uuid(),
        length: bigint(leaf.head.length),
        head: &leaf.head.hash,
    });
    let rows: Vec<_> = rows.collect();
    sqlx::query!(
        r#"
        insert into seal_leaves (seal, incident, length, head)
        select $1, incident, length, head
        from jsonb_populate_recordset(null::seal_leaves, $2)
        "#,
        bigint(seal.number),
        batch(&rows)? as Raw
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding what a seal covers"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u128) -> Leaf {
        let incident = IncidentId::from_uuid(Uuid::from_u128(number));
        Leaf { incident, head: Head { length: 1, hash: "ab".to_owned() } }
    }

    #[test]
    fn the_root_depends_on_every_leaf_and_its_place() {
        let leaves: Vec<_> = (0..7).map(leaf).collect();
        let whole = tree(&leaves);
        for place in 0..leaves.len() {
            let mut changed = leaves.clone();
            changed[place].head.length += 1;
            assert_ne!(tree(&changed), whole, "leaf {place} counts");
            changed.remove(place);
            assert_ne!(tree(&changed), whole, "leaf {place} is missed");
        }
        let mut swapped = leaves.clone();
        swapped.swap(2, 5);
        assert_ne!(tree(&swapped), whole);
        assert_eq!(tree(&leaves), whole);
    }

    #[test]
    fn an_odd_leaf_moves_up_as_it_is() {
        let (a, b, c) = (leaf(1), leaf(2), leaf(3));
        let node = |left: &str, right: &str| {
            let mut hash = Sha256::new_with_prefix([1]);
            hash.update(hex::decode(left).unwrap());
            hash.update(hex::decode(right).unwrap());
            hex::encode(hash.finalize())
        };
        let pair = tree(&[a.clone(), b.clone()]);
        let alone = tree(std::slice::from_ref(&c));
        assert_eq!(tree(&[a, b, c]), node(&pair, &alone));
    }
}
