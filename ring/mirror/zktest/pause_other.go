//go:build !unix

package zktest

import (
	"errors"
	"fmt"
	"os"
)

var errNoPause = fmt.Errorf("this system cannot pause processes: %w", errors.ErrUnsupported)

func pause(*os.Process) error { return errNoPause }

func resume(*os.Process) error { return errNoPause }
