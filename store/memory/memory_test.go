package memory_test

import (
	"testing"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/store/memory"
	"github.com/sparekey-dev/sparekey/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) sparekey.Store { return memory.New() })
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	storetest.RunDirectory(t, func(*testing.T) storetest.Users { return memory.New() })
}

func TestAudit(t *testing.T) {
	t.Parallel()
	storetest.RunAudit(t, func(*testing.T) storetest.AuditStore { return memory.New() })
}
