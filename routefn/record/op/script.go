package op

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
)

// Lua has the files that scripts of all packages use.
//
//go:embed lua/*.lua
var Lua embed.FS

// Library finds Lua files in the folder lua of several packages. If two packages have a
// file of the same name, the first package counts.
type Library []embed.FS

// Script is a Lua script that runs inside the store. Each file in the folders lua
// documents its KEYS, ARGV and answer.
type Script struct {
	source string
	hash   string
}

// Load makes one script from several files. The last file is the script, and the others
// define functions for it. Load panics if a file does not exist, because that is a
// mistake of the package that calls it.
func (l Library) Load(names ...string) *Script {
	var source []byte
	for _, name := range names {
		source = append(source, l.file("lua/"+name+".lua")...)
	}
	sum := sha1.Sum(source)
	return &Script{source: string(source), hash: hex.EncodeToString(sum[:])}
}

func (l Library) file(name string) []byte {
	for _, folder := range l {
		if file, err := folder.ReadFile(name); err == nil {
			return file
		}
	}
	panic("no script is named " + name)
}

// command returns the command that runs the script. The command names the script by its
// hash. If the parameter full is set, the command has the source instead, and the server
// remembers the source.
func (s *Script) command(full bool, keys []string, args []any) []any {
	cmd := make([]any, 0, 3+len(keys)+len(args))
	if full {
		cmd = append(cmd, "eval", s.source)
	} else {
		cmd = append(cmd, "evalsha", s.hash)
	}
	cmd = append(cmd, len(keys))
	for _, key := range keys {
		cmd = append(cmd, key)
	}
	return append(cmd, args...)
}
