package wordpress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
)

// largeRow is the size in bytes above which the digest is a CRC-32. The SQL in queries.go
// has the same number.
const largeRow = 128 << 10

// fingerprint identifies one state of a user's credentials.
type fingerprint struct {
	metaID   int64 // of the row; 0: the user has no row
	length   int64
	digest   string
	revision uint64 // of the user's entries in Sparekey's own tables
}

// fingerprintOf computes what the server computes for the same row.
func fingerprintOf(metaID int64, raw string, revision uint64) fingerprint {
	fp := fingerprint{metaID: metaID, length: int64(len(raw)), revision: revision}
	switch {
	case metaID == 0:
	case len(raw) > largeRow:
		fp.digest = strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(raw))), 10)
	default:
		sum := sha256.Sum256([]byte(raw))
		fp.digest = hex.EncodeToString(sum[:])
	}
	return fp
}

// sameRow ignores the revision of Sparekey's own tables.
func sameRow(a, b fingerprint) bool {
	return a.metaID == b.metaID && a.length == b.length && a.digest == b.digest
}

// rowFingerprints returns fingerprints without the revision.
func (s *Store) rowFingerprints(ctx context.Context, users []uint64) (map[uint64]fingerprint, error) {
	fingerprints := make(map[uint64]fingerprint, len(users))
	for some := range slices.Chunk(users, batch) {
		ids := make([]string, len(some))
		for i, user := range some {
			ids[i] = formatID(user)
		}
		query := strings.Replace(s.queries.fingerprints, "?", strings.Join(ids, ","), 1)
		err := eachRow(ctx, s.db, query, nil, func(scan func(...any) error) error {
			var user uint64
			var fp fingerprint
			err := scan(&user, &fp.metaID, &fp.length, &fp.digest)
			fingerprints[user] = fp // the query returns a user's first row last
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return fingerprints, nil
}

// fingerprint asks the database for the present fingerprint, in one round trip that does
// not transfer the row.
func (s *Store) fingerprint(ctx context.Context, user uint64) (fp fingerprint, err error) {
	err = s.queryRow(ctx, s.queries.fingerprint, []any{user, user}, &fp.metaID, &fp.length, &fp.digest, &fp.revision)
	if isServerError(err, errNoSuchTable) { // Sparekey has not written yet
		err = s.queryRow(ctx, s.queries.fingerprintPlain, []any{user}, &fp.metaID, &fp.length, &fp.digest, &fp.revision)
	}
	return fp, err
}
