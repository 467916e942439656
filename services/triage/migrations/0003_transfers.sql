-- A case has one row under its handle, the referral of the desk that holds it. Beside it, under
-- handle/referral_id, are referrals that were offered to other desks, and those that have gone on.
-- They follow the first one, which alone is locked and decided on.
CREATE INDEX referrals_case ON referrals (split_part(subject, '/', 1));

-- Officers who have no part in the case.
ALTER TABLE unsealings ADD COLUMN recused text[] NOT NULL DEFAULT '{}';
