-- +sparekey rekey
-- Logins and e-mail addresses are compared in Unicode's normalization form C, without
-- invisible characters around them. SQL cannot make that text: loginkeys.go does.
SELECT 1;
