package op

import (
	"fmt"
	"strings"
)

// maxName bounds the length of names of devices and nodes, and of addresses, in bytes.
const maxName = 256

// CheckNames returns ErrInvalid if a name is empty, is too long, or would break a line.
func CheckNames(names ...string) error {
	for _, name := range names {
		if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			return fmt.Errorf("%w: name %q is empty, longer than %d bytes or has control characters", ErrInvalid, name, maxName)
		}
	}
	return nil
}
