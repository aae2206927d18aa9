package wordpress

import "context"

// SamplePasswordHashes returns the password hashes of the n oldest and the n newest
// users, in no order. A large table costs no more than a small one.
func (s *Store) SamplePasswordHashes(ctx context.Context, n int) (hashes []string, err error) {
	err = eachRow(ctx, s.db, s.queries.sampleHashes, []any{n, n}, func(scan func(...any) error) error {
		var hash string
		err := scan(&hash)
		hashes = append(hashes, hash)
		return err
	})
	return hashes, failed("sample password hashes", err)
}
