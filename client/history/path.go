package history

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
)

// Path returns the path, in the folder dir, of the history of an account on a device.
// Every account name is allowed. The file's name begins with the characters of the
// account's name that are safe on every file system. A hash follows, because two accounts
// may have the same safe characters.
func Path(dir, account, device string) string {
	sum := sha256.Sum256([]byte(account + "\x00" + device))
	return filepath.Join(dir, fmt.Sprintf("%s-%s-%x.history", plain(account), plain(device), sum[:6]))
}

// plain returns at most 32 characters of s. It leaves out all but a-z and 0-9.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
	return s[:min(len(s), 32)]
}
