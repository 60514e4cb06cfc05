package jwt

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// parseSet returns those keys of a JSON Web Key Set that may sign tokens. It leaves out
// other keys, because a provider's set may have keys of other kinds and for other
// purposes. It leaves out secrets, too. Everybody can read the set, so a secret in it is
// known to all. If no key is left, it returns an error.
func parseSet(text []byte) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("read a set of keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the set has %d keys: want at most %d", len(set.Keys), maxKeys)
	}
	var keys []Key
	var why error
	for _, encoded := range set.Keys {
		key, err := parseMember(encoded)
		if err != nil {
			why = errors.Join(why, err)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.Join(errors.New("the set has no key that tokens may be signed by"), why)
	}
	return keys, nil
}

func parseMember(encoded []byte) (Key, error) {
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(encoded); err != nil {
		return Key{}, err
	}
	if k.Use != "" && k.Use != "sig" {
		return Key{}, fmt.Errorf("key %q is for another use", k.KeyID)
	}
	key, err := publicKey(k.KeyID, k.Key)
	if err != nil {
		return Key{}, fmt.Errorf("key %q: %w", k.KeyID, err)
	}
	if k.Algorithm != "" && k.Algorithm != string(key.algorithm) {
		return Key{}, fmt.Errorf("key %q is for another algorithm", k.KeyID)
	}
	return key, nil
}
