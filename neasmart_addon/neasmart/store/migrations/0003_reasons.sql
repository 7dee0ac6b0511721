-- Why a command ended, as a code beside the sentence, and the base's own value where that decided.
ALTER TABLE commands ADD COLUMN reason_code TEXT;
ALTER TABLE commands ADD COLUMN reason_value ANY;
