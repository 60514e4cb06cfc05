package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// KeyFlag is a flag with keys, as Keys reads them, that may change while the program runs.
type KeyFlag struct {
	Name string
	Now  [][]byte                   // those in use
	Use  func(keys ...[]byte) error // uses others; after an error those of Now are in use
	Log  *slog.Logger
}

// errRestart says that a program with a key and one without are two things: what they
// listen on and where their keys are kept depends on it.
var errRestart = errors.New("a first key, or none any more, needs a restart")

// Again reads the keys from value once more, and uses them if they are others. Errors
// name the flag, and leave what is in use. It blocks as Keys does, and must not be called
// twice at a time.
func (k *KeyFlag) Again(value string) error {
	keys, err := Keys(k.Name, value)
	switch {
	case err != nil:
		return err
	case slices.EqualFunc(keys, k.Now, bytes.Equal):
		if len(keys) > 0 && !elsewhere(value) {
			k.Log.Debug("a key that is given itself stays until a restart; one in a file can be changed", "flag", "-"+k.Name)
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
	return nil
}

// elsewhere reports whether a secret's value only says where the secret is.
func elsewhere(value string) bool {
	return strings.HasPrefix(value, "file:") || strings.HasPrefix(value, "secretsmanager:")
}
