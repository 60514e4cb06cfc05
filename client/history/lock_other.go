//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package history

import "os"

// openAlone opens the file without a lock, because these systems have no lock that a
// crash releases.
func openAlone(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
