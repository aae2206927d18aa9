package sparekey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sparekey-dev/sparekey"
)

// TestRotationIsRepeated rotates several times within the grace period of the first
// rotation. The secrets are 0, the one that was made, 1, that of the first rotation, and
// so on; a step is a rotation, a use of a secret, or time that passes.
func TestRotationIsRepeated(t *testing.T) {
	t.Parallel()
	type step struct {
		rotate, pass time.Duration // rotate: with this grace period; negative: without one
		use          string
	}
	rotate := func(grace time.Duration) step { return step{rotate: grace} }
	use := func(secret string) step { return step{use: secret} }
	pass := func(d time.Duration) step { return step{pass: d} }
	const hour, none = time.Hour, time.Duration(-1)
	for name, c := range map[string]struct {
		steps []step
		works string        // which secrets work then
		until time.Duration // when the previous one ends, from the beginning
	}{
		"once":                             {[]step{rotate(hour)}, "01", hour},
		"answer lost":                      {[]step{rotate(hour), rotate(hour)}, "02", hour},
		"answers lost":                     {[]step{rotate(hour), rotate(hour), rotate(hour)}, "03", hour},
		"later, the promise stays":         {[]step{rotate(hour), pass(hour / 2), rotate(hour)}, "02", hour},
		"longer, the promise stays":        {[]step{rotate(hour), rotate(24 * hour)}, "02", hour},
		"shorter, the promise stays":       {[]step{rotate(hour), rotate(time.Minute)}, "02", hour},
		"the old one is used meanwhile":    {[]step{use("0"), rotate(hour), use("0"), rotate(hour), use("0")}, "02", hour},
		"the new one was used":             {[]step{rotate(hour), use("1"), pass(hour / 2), rotate(hour)}, "12", hour + hour/2},
		"both were used":                   {[]step{use("0"), rotate(hour), use("0"), use("1"), use("0"), rotate(hour)}, "12", hour},
		"the second was used, then lost":   {[]step{rotate(hour), use("1"), rotate(hour), rotate(hour)}, "13", hour},
		"the repeated one was used":        {[]step{rotate(hour), rotate(hour), use("2"), pass(hour / 4), rotate(hour)}, "23", hour + hour/4},
		"after the grace period":           {[]step{rotate(hour), pass(hour), rotate(hour)}, "12", 2 * hour},
		"without a grace period":           {[]step{rotate(hour), rotate(none)}, "2", 0},
		"without one at first":             {[]step{rotate(none), rotate(hour)}, "12", hour},
		"without one, used, then with one": {[]step{rotate(none), use("1"), rotate(hour)}, "12", hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			begin := clock.Now()
			s := newSite(t, sparekey.Config{Now: clock.Now})
			secret, cr := s.create(t, "app")
			secrets := []sparekey.Secret{secret}
			works := func(i int) bool {
				_, err := s.Authenticate(t.Context(), attempt("ann", secrets[i]))
				return err == nil
			}
			for _, step := range c.steps {
				clock.Pass(step.pass)
				switch {
				case step.rotate != 0:
					next, rotated, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, cr.UUID, max(0, step.rotate))
					if err != nil {
						t.Fatal(err)
					}
					secrets, cr = append(secrets, next), rotated
				case step.use != "":
					for range 3 {
						if !works(strings.Index("0123", step.use)) {
							t.Fatalf("secret %s does not work", step.use)
						}
					}
				}
			}
			if until := s.OldSecretUntil(cr); c.until == 0 != until.IsZero() || c.until != 0 && !until.Equal(begin.Add(c.until)) {
				t.Errorf("the previous secret is said to work until %v", until)
			}
			got := ""
			for i := range secrets {
				if works(i) {
					got += string("0123"[i])
				}
			}
			if got != c.works {
				t.Errorf("secrets %s work, want %s", got, c.works)
			}
		})
	}
}

// TestFirstUseIsRecordedOnce wants the first use of a secret that a rotation made to be
// kept although another use was recorded a moment ago, and no further write after it.
func TestFirstUseIsRecordedOnce(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]sparekey.Limits{"unlimited": {}, "expires": {Expires: newClock().Now().Add(99 * time.Hour)}, "uses": {MaxUses: 9}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, sparekey.Config{Now: newClock().Now})
			old, made := s.limited(t, "app", limits)
			use := func(secret sparekey.Secret) sparekey.Credential {
				id, err := s.Authenticate(t.Context(), attempt("ann", secret))
				if err != nil {
					t.Fatal(err)
				}
				return id.Credential
			}
			use(old)
			secret, _, err := s.As(s.ann).Rotate(t.Context(), s.ann.ID, made.UUID, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if c := use(old); !c.HashUnused {
				t.Error("a use of the previous secret counts as one of the new")
			}
			if c := use(secret); c.HashUnused {
				t.Error("the use is not recorded")
			}
			if c, err := s.As(s.ann).Get(t.Context(), s.ann.ID, made.UUID); err != nil || c.HashUnused {
				t.Errorf("the use is not kept: %v", err)
			}
		})
	}
}
