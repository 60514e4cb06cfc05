package process

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// While a key is being changed, its source has two keys, one per line, and the first is
// used.
func TestSecretMayHaveSeveralKeys(t *testing.T) {
	const before, after = "the key before the change", "the key after it"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one":         {before, []string{before}},
		"one, a line": {before + "\n", []string{before}},
		"two":         {after + "\n" + before + "\n", []string{after, before}},
		"untidy":      {"\n " + after + "\r\n\n\t" + before + "\n\n", []string{after, before}},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{c.text, "file:" + path} {
			keys, err := Keys("route-key", value)
			var got []string
			for _, key := range keys {
				got = append(got, string(key))
			}
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
	}
	if keys, err := Keys("route-key", ""); len(keys) != 0 || err != nil {
		t.Errorf("nothing: %q, %v", keys, err)
	}
	if _, err := Keys("route-key", before+"\nshort"); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a short one: %v", err)
	}
}

func TestPasswordIsAsLongAsSomebodyMadeIt(t *testing.T) {
	if password, err := Secret("redis-password", "short"); err != nil || string(password) != "short" {
		t.Errorf("password %q, %v", password, err)
	}
	if _, err := Keys("cluster-key", "short"); !errors.Is(err, ErrUsage) {
		t.Errorf("a short key: %v", err)
	}
}
