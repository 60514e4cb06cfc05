package config

import (
	"context"
	"encoding/hex"
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

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/lambda/secretsmanager"
)

// ErrUsage wraps what is wrong with the flags: the program says it in one line
// and exits with 2. flag.ErrHelp comes through as it is.
var ErrUsage = errors.New("usage")

// Parse sets the flags of fs from args, from the environment (CIM_LISTEN for
// -listen) and from the file that -config names, in falling order. The file has
// one "name value" a line. Nothing may be left over in args.
func Parse(fs *flag.FlagSet, args []string) error {
	if fs.Lookup("config") == nil {
		fs.String("config", "", "`file` with one \"flag value\" a line; flags and environment win over it")
	}
	err := ff.Parse(fs, args,
		ff.WithEnvVarPrefix("CIM"),
		ff.WithConfigFileFlag("config"),
		ff.WithConfigFileParser(ff.PlainParser),
	)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return flag.ErrHelp
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUsage, err)
	case fs.NArg() > 0:
		return fmt.Errorf("%w: unexpected argument %q", ErrUsage, fs.Arg(0))
	}
	return nil
}

// Log is how a program logs.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json

	level slog.LevelVar // what the logger has
}

// Flags registers the flags of Log on fs.
func (l *Log) Flags(fs *flag.FlagSet) {
	fs.StringVar(&l.Level, "log", "info", "`level` of the log: debug, info, warn, error")
	fs.StringVar(&l.Format, "log-format", "text", "`form` of the log: text or json")
}

// Logger returns the logger that l describes, writing to w.
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

// minSecret is the shortest key in bytes that is accepted.
const minSecret = 16

// secretTime is how long AWS may take to tell a secret.
const secretTime = 3 * time.Second

// Keys returns the keys that a secret has, one a line: while a key is being changed
// there are two. The first is used, what any of them made is accepted. Each has at
// least 16 bytes; sources and errors are those of Secret.
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

// Secret returns the bytes of a secret: the value itself; with "file:PATH" what
// stands in the file; with "secretsmanager:ARN" what AWS Secrets Manager has, which
// blocks for 3 s at most. White space around it is dropped. An empty value is no
// secret and no error. How long it has to be is for those to say who gave it.
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

// Loopback reports whether only this machine can reach a listener on address.
// An address without a host listens everywhere.
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

// ServiceToken is what nodes and routes show each other, derived from the
// cluster key. Without a key all of them listen on loopback only, and the token
// keeps nobody out.
func ServiceToken(clusterKey []byte) string {
	if len(clusterKey) == 0 {
		return "loopback"
	}
	return hex.EncodeToString(ring.DeriveKey(clusterKey, "service"))
}

// ServiceTokens is the service token to show, and those to accept beside it.
func ServiceTokens(cluster *ring.Keys) (show string, accept []string) {
	derived := cluster.Derive("service")
	if len(derived) == 0 {
		return ServiceToken(nil), nil
	}
	for _, key := range derived[1:] {
		accept = append(accept, hex.EncodeToString(key))
	}
	return hex.EncodeToString(derived[0]), accept
}
