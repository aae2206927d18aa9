//go:build unix

package server

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// killAll has a program killed together with all that it started, which would
// otherwise go on after its time.
func killAll(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
