-- Events that concern no incident are counted by reason, and listed.
create index inbox_ignored on inbox (source, effect, at desc, delivery desc)
where effect like 'ignored: %';
