-- When what is due by itself was last looked for. One row.
CREATE TABLE sweeps (last INTEGER) STRICT;

INSERT INTO sweeps VALUES (NULL);
