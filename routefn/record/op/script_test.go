package op

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	scriptCall = regexp.MustCompile(`redis\.p?call\(\s*(?:'(\w+)'|ARGV\[at\])\s*(?:,\s*([^,)]+))?`)
	anyCall    = regexp.MustCompile(`redis\.p?call`)
	givenKey   = regexp.MustCompile(`^KEYS\[([1-5]|i|i \+ [12]|#KEYS)\]$`)
	function   = regexp.MustCompile(`(?m)^local function (\w+)\((\w+)[^)]*\)`)
)

// keyParameters returns the names of the first parameters of functions in the source that
// get one of KEYS from every caller in all sources.
func keyParameters(source string, all map[string]string) map[string]bool {
	names := make(map[string]bool)
	for _, f := range function.FindAllStringSubmatch(source, -1) {
		given := true
		calls := regexp.MustCompile(`(?m)(local function )?\b` + f[1] + `\(([^,)]+)`)
		for _, other := range all {
			for _, call := range calls.FindAllStringSubmatch(other, -1) {
				given = given && (call[1] != "" || givenKey.MatchString(call[2]))
			}
		}
		if given {
			names[f[2]] = true
		}
	}
	return names
}

// sources returns the files of package record, and of those below it, with a suffix.
func sources(t *testing.T, suffix string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, suffix) {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A script must not make keys itself, because a Redis Cluster could not know on which
// server to run it. So every command names a key that the script was given, or a parameter
// that is always such a key.
func TestScriptsMakeNoKeys(t *testing.T) {
	all := sources(t, ".lua")
	if len(all) < 50 {
		t.Errorf("found %d scripts only", len(all))
	}
	for name, source := range all {
		calls := scriptCall.FindAllStringSubmatch(source, -1)
		if len(calls) != len(anyCall.FindAllString(source, -1)) {
			t.Errorf("%s: not every call was understood", name)
		}
		if len(calls) == 0 && !strings.HasPrefix(source, "-- Prelude: ") {
			t.Errorf("%s calls nothing, and is no prelude", name)
		}
		parameters := keyParameters(source, all)
		for _, call := range calls {
			command, key := call[1], strings.TrimSpace(call[2])
			if command == "" && key == "key" && strings.Contains(source, "for n, key in ipairs(KEYS)") {
				continue
			}
			if command != "TIME" && !givenKey.MatchString(key) && !parameters[key] {
				t.Errorf("%s: %s works on %s, want one of KEYS", name, command, key)
			}
		}
	}
}

// Of two files with one name, the first one counts. A file that is missing is a mistake
// of the program.
func TestLibraryFindsFilesOfSeveralPackages(t *testing.T) {
	read := Library{Lua}.Load("read")
	if both := (Library{Lua, Lua}).Load("clock", "read"); !strings.HasSuffix(both.source, read.source) || both.hash == read.hash {
		t.Error("a script does not begin with its prelude")
	}
	defer func() {
		if recover() == nil {
			t.Error("a missing file was loaded")
		}
	}()
	Library{Lua}.Load("missing")
}
