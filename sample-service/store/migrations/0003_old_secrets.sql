-- phase: expand
-- up
-- Secrets that were replaced and still sign for a while: "<until>:<secret>" separated by blanks. A courier that does not know the
-- column signs with the new secret alone.
ALTER TABLE endpoints ADD COLUMN old_secrets TEXT NOT NULL DEFAULT '';
-- down
ALTER TABLE endpoints DROP COLUMN old_secrets;
