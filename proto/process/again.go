package process

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/cim-go/cim/proto/audit"
)

// KeyFlag is a flag whose value names keys, in the form of Keys. The keys may change
// while the program runs.
type KeyFlag struct {
	Name string
	Now  [][]byte                   // the keys in use
	Use  func(keys ...[]byte) error // replaces the keys in use; after an error the keys in Now are still in use
	Log  *slog.Logger

	Audit *audit.Log // may be nil
}

// errRestart is returned if a program without keys gets one, or if the last key is
// removed. A program's listeners and the source of its keys depend on that choice, which
// is made at its start.
var errRestart = errors.New("a change between no key and some key needs a restart")

// Again reads anew the keys that value names. If the keys have changed, it uses the new
// keys. After an error, which has the flag's name, the keys in use are unchanged. Again
// blocks like Keys. It is not safe for concurrent use.
func (k *KeyFlag) Again(value string) error {
	keys, err := Keys(k.Name, value)
	switch {
	case err != nil:
		return err
	case slices.EqualFunc(keys, k.Now, bytes.Equal):
		if len(keys) > 0 && !elsewhere(value) {
			k.Log.Debug("a key that is the value of a flag stays until a restart; a key in a file can be changed", "flag", "-"+k.Name)
		}
		return nil
	case len(keys) == 0 || len(k.Now) == 0:
		return fmt.Errorf("change -%s: %w", k.Name, errRestart)
	}
	if err := k.Use(keys...); err != nil {
		return fmt.Errorf("change -%s: %w", k.Name, err)
	}
	k.Now = keys
	k.Log.Info("keys were changed", "flag", "-"+k.Name, "keys", len(keys))
	k.Audit.Event("keys changed", slog.String("flag", "-"+k.Name), slog.Int("keys", len(keys)))
	return nil
}

// elsewhere reports whether value is the name of a place that has the secret, and not the
// secret itself.
func elsewhere(value string) bool {
	return strings.HasPrefix(value, "file:") || strings.HasPrefix(value, "secretsmanager:")
}
