package chat

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// styled makes the console of a file descriptor obey escape sequences. The returned
// function restore ends that. By default the console prints escape sequences as text.
func styled(fd int) (restore func(), err error) {
	console := windows.Handle(fd)
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, fmt.Errorf("read mode of console: %w", err)
	}
	if err := windows.SetConsoleMode(console, before|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return nil, fmt.Errorf("set mode of console: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, before) }, nil // the program ends, so the error matters to nobody
}
