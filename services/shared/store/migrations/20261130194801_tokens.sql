-- Who may call admin. Of a token's text only a digest is kept: over that many random bits a slow
-- hash would add nothing but load.
create table tokens (
    id uuid primary key,
    -- None: of every organisation.
    org text,
    name text not null,
    role text not null,
    acts_for_others boolean not null,
    digest bytea not null,
    created_at timestamptz not null,
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    -- To the minute.
    last_used_at timestamptz
);

-- A name in the audit must mean one token.
create unique index tokens_name on tokens (coalesce(org, ''), name) where revoked_at is null;
