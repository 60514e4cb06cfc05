package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3"

	"github.com/cim-go/cim/proto/process/secretsmanager"
)

// Errors about flags wrap ErrUsage. The program prints such an error in one line and
// exits with 2. flag.ErrHelp does not wrap it.
var ErrUsage = errors.New("wrong usage")

// Parse sets the flags of fs from args, from the environment (CIM_LISTEN for -listen) and
// from the file of -config, in this order of precedence. The file has one "name value"
// per line. Arguments that are not flags are an error.
func Parse(fs *flag.FlagSet, args []string) error {
	words, err := ParseWords(fs, "", args)
	if err == nil && len(words) > 0 {
		return fmt.Errorf("%w: unexpected argument %q", ErrUsage, words[0])
	}
	return err
}

// ParseWords does what Parse does for a command with arguments, and returns the
// arguments. They may come before, between and after the flags. After "--" everything is
// an argument. The parameter usage has the names of the arguments for -h, and is empty if
// the command has none.
func ParseWords(fs *flag.FlagSet, usage string, args []string) (words []string, err error) {
	if fs.Lookup("config") == nil {
		fs.String("config", "", "`file` with one \"flag value\" per line; flags and environment variables win over it")
	}
	if usage != "" {
		fs.Usage = func() {
			fmt.Fprintf(fs.Output(), "Usage: %s %s [flags]; flags may stand anywhere\n", fs.Name(), usage)
			fs.PrintDefaults()
		}
	}
	flags, words := split(fs, args)
	err = ff.Parse(fs, flags,
		ff.WithEnvVarPrefix("CIM"),
		ff.WithConfigFileFlag("config"),
		ff.WithConfigFileParser(ff.PlainParser),
	)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil, flag.ErrHelp
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return words, nil
}

// split divides args into the flags with their values, and the other words.
func split(fs *flag.FlagSet, args []string) (flags, words []string) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return flags, append(words, args...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		flags = append(flags, arg)
		name := strings.TrimPrefix(arg[1:], "-")
		f := fs.Lookup(name) // nil for -name=value
		if f == nil || len(args) == 0 {
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			continue
		}
		flags, args = append(flags, args[0]), args[1:]
	}
	return flags, words
}

// Log has a program's flags for its log.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json

	level slog.LevelVar // the logger's current level
}

// Flags registers the flags of Log on fs.
func (l *Log) Flags(fs *flag.FlagSet) {
	fs.StringVar(&l.Level, "log", "info", "lowest `level` that is logged: debug, info, warn or error")
	fs.StringVar(&l.Format, "log-format", "text", "`format` of the log: text or json")
}

// Logger returns a logger with the settings of l, which writes to w.
func (l *Log) Logger(w io.Writer) (*slog.Logger, error) {
	if err := l.SetLevel(l.Level); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: &l.level}
	switch l.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("%w: -log-format %q: want text or json", ErrUsage, l.Format)
}

// SetLevel changes the level of the logger that Logger returned.
func (l *Log) SetLevel(name string) error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return fmt.Errorf("%w: -log %q: want debug, info, warn or error", ErrUsage, name)
	}
	l.level.Set(level)
	return nil
}

// minSecret is the length in bytes of the shortest key that is accepted.
const minSecret = 16

// secretTime bounds the time to read a secret from AWS.
const secretTime = 3 * time.Second

// Keys reads a secret as Secret does, and returns its lines as keys. During a rotation
// there are two keys. The first key is used to sign and encrypt, and all keys are
// accepted. Each must have at least 16 bytes.
func Keys(name, value string) ([][]byte, error) {
	text, err := Secret(name, value)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for line := range strings.Lines(string(text)) {
		key := strings.TrimSpace(line)
		if key == "" {
			continue
		}
		if len(key) < minSecret {
			return nil, fmt.Errorf("%w: line %d of -%s has %d bytes, needs at least %d", ErrUsage, len(keys)+1, name, len(key), minSecret)
		}
		keys = append(keys, []byte(key))
	}
	return keys, nil
}

// Secret returns the secret that value names. For "file:PATH" it reads the file. For
// "secretsmanager:ARN" it asks AWS Secrets Manager, which blocks for at most 3 s. In both
// cases it removes white space around the content. Any other value is the secret itself.
// An empty value gives an empty secret and no error. Secret does not check the length.
// Errors name the flag.
func Secret(name, value string) ([]byte, error) {
	if arn, ok := strings.CutPrefix(value, "secretsmanager:"); ok {
		ctx, cancel := context.WithTimeout(context.Background(), secretTime)
		defer cancel()
		text, err := secretsmanager.Read(ctx, arn)
		if err != nil {
			return nil, fmt.Errorf("read -%s: %w", name, err)
		}
		value = strings.TrimSpace(text)
	} else if path, ok := strings.CutPrefix(value, "file:"); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read -%s: %w", name, err)
		}
		value = strings.TrimSpace(string(b))
		if value == "" {
			return nil, fmt.Errorf("%w: the file of -%s is empty", ErrUsage, name)
		}
	}
	return []byte(value), nil
}

// Loopback reports whether only this machine can reach a listener on address. A
// listener on an address without a host can be reached from everywhere.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
