//go:build !unix

package up

import "os"

// Signals tells whether this system can pause processes, and ask them to end.
const Signals = false

func pause(*os.Process) error { return ErrNoPause }

func resume(*os.Process) error { return ErrNoPause }
