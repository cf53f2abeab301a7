-- What a deployment's owner allows it, and who made it. NULL: no limit, or from before this was kept.

-- Milliseconds since the Unix epoch; from then on no key is released.
ALTER TABLE deploys ADD COLUMN expires_at INTEGER;
ALTER TABLE deploys ADD COLUMN max_uses INTEGER CHECK (max_uses > 0);
-- Addresses and prefixes, separated by spaces.
ALTER TABLE deploys ADD COLUMN cidrs TEXT;
ALTER TABLE deploys ADD COLUMN created_by TEXT;
