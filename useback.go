package sparekey

import (
	"context"
	"errors"
	"fmt"
)

// ReturnUse gives back the use that an attempt was counted as, which was accepted as id,
// for a caller that knows that nothing came of it, such as a proxy that does not reach the
// application. Call it once at most for an attempt. It changes nothing where no use was
// counted (see Limits.MaxUses), and nothing of a credential that was revoked meanwhile,
// also because its uses were used up. When the credential was last used, and from where,
// stays recorded.
//
// It goes on where ctx has ended, for up to ten seconds. After an error the use counts, or
// it may.
func (s *Service) ReturnUse(ctx context.Context, id Identity) error {
	if id.Credential.Limits.MaxUses == 0 {
		return nil
	}
	ctx, cancel := completing(ctx)
	defer cancel()
	_, err := s.store.Update(ctx, id.User.ID, id.Credential.UUID, func(c *Credential) error {
		c.Uses = max(0, c.Uses-1)
		return nil
	}, nil)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("give a use back: %w", err)
	}
	return nil
}
