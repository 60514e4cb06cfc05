//go:build !unix

package faas

import (
	"errors"
	"fmt"
	"os"
)

func pause(*os.Process) error {
	return fmt.Errorf("this system cannot pause processes: %w", errors.ErrUnsupported)
}

// resume does nothing: no process is ever paused.
func resume(*os.Process) error { return nil }
