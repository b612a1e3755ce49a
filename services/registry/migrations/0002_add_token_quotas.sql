-- How many tokens may be issued to a client in a minute and in a day (UTC); 0 = any number.
ALTER TABLE registry.clients
    ADD COLUMN tokens_per_minute bigint NOT NULL DEFAULT 0 CHECK (tokens_per_minute >= 0),
    ADD COLUMN tokens_per_day    bigint NOT NULL DEFAULT 0 CHECK (tokens_per_day >= 0);
