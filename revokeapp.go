package sparekey

import (
	"context"
	"errors"
	"fmt"
)

// RevokeApp revokes all credentials of a user with this app ID and returns them; there may be
// none. It refuses with an [*InvalidError] for an app ID that is empty or not valid, and with
// [ErrBeyondLimits], and then revokes none. The operator can also revoke those of a deleted
// user.
func (m Manager) RevokeApp(ctx context.Context, userID, appID string) ([]Credential, error) {
	target, err := m.toRevoke(ctx, userID)
	if err != nil {
		return nil, err
	}
	if appID == "" || !ValidAppID(appID) {
		return nil, &InvalidError{"app_id", "must be a UUID in lower case"}
	}
	ofApp := func(c Credential) bool { return c.AppID == appID }
	if err := m.mayRevoke(ctx, target, ofApp); err != nil {
		return nil, err
	}
	return m.revoked(ctx, target, func(ctx context.Context) ([]Credential, error) {
		list, err := m.service.store.List(ctx, target.ID)
		if err != nil {
			return nil, fmt.Errorf("list application passwords: %w", err)
		}
		var gone []Credential
		for _, c := range list {
			if !ofApp(c) {
				continue
			}
			c, err := m.service.store.Delete(ctx, target.ID, c.UUID)
			if errors.Is(err, ErrNotFound) { // revoked by another request
				continue
			}
			if err != nil {
				return gone, fmt.Errorf("revoke the application passwords of an app: %w", err)
			}
			gone = append(gone, c)
		}
		return gone, nil
	})
}
