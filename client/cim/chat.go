package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/chat"
	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
)

// chatFlags are the flags of the chat: the user, the route, and the files.
type chatFlags struct {
	name     string
	password string
	tokens   string // file
	jwt      func(context.Context) (string, error)
	route    string
	device   string
	history  string
	trust    trust
	socket   bool
	verbose  bool
}

func (f *chatFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.name, "name", "", "`name` of the account; it is registered if it does not exist")
	fs.StringVar(&f.password, "password", "", "`password` of the account (or file:PATH), if the route wants one; empty: asked for if needed")
	fs.StringVar(&f.tokens, "token-file", "", "`file` with a token (JWT) of the system that knows the users, if the route wants one; it is read for each login")
	fs.StringVar(&f.device, "device", "terminal", "`name` of this device. A device has one connection; a second one displaces the first")
	fs.StringVar(&f.history, "history", "", "`folder` for the local history; empty: in your data folder; none: keep nothing")
	f.trust.register(fs)
	fs.BoolVar(&f.socket, "websocket", false, "connect by WebSocket instead of TCP")
	fs.BoolVar(&f.verbose, "verbose", false, "log to stderr what the client does")
}

func (f *chatFlags) use(routes []string) { f.route = strings.Join(routes, ",") }

// runChat is `cim -name alice`.
func runChat(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var f chatFlags
	f.register(fs)
	fs.StringVar(&f.route, "route", defaultRoute, "`URL` of a route, or several separated by commas")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	if f.name == "" && f.tokens == "" {
		return fmt.Errorf("%w: say who you are: -name alice, or -token-file", process.ErrUsage)
	}
	return f.run(ctx)
}

// run finds the account or makes it. Then it connects, and chats until the user leaves.
func (f *chatFlags) run(ctx context.Context) error {
	cfg, account, err := f.account(ctx)
	if err != nil {
		return err
	}
	kept, err := f.open(account)
	if err != nil {
		return err
	}
	session := chat.Config{In: os.Stdin, Out: os.Stdout}
	if kept != nil {
		defer kept.Close()
		cfg.History, session.History = kept, kept
	}
	c, err := client.Connect(ctx, cfg)
	if err != nil {
		return explain(err, f.route)
	}
	defer c.Close()
	session.Client = c
	return chat.Run(ctx, session)
}

// account returns the account of the name, and makes the account if it does not exist. If
// the route requires a password and there is a terminal, account asks the user for it.
func (f *chatFlags) account(ctx context.Context) (client.Config, client.User, error) {
	password, err := f.secret()
	if err != nil {
		return client.Config{}, client.User{}, err
	}
	roots, err := f.trust.roots()
	if err != nil {
		return client.Config{}, client.User{}, err
	}
	cfg := client.Config{
		Routes: strings.Split(f.route, ","), Name: f.name, Password: password, Device: f.device, RootCAs: roots,
	}
	if f.socket {
		cfg.Transport = client.WebSocket
	}
	if f.verbose {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if f.tokens != "" {
		f.jwt = tokenIn(f.tokens)
	}
	if cfg.JWT = f.jwt; f.jwt != nil {
		s, err := client.NewSender(ctx, cfg) // the first login makes the account
		if err != nil {
			return cfg, client.User{}, explain(err, f.route)
		}
		return cfg, s.Self(), nil
	}
	account, err := client.Register(ctx, cfg)
	if wantsPassword(err) && password == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		if cfg.Password, err = ask("password of " + f.name + ": "); err != nil {
			return cfg, account, err
		}
		account, err = client.Register(ctx, cfg)
	}
	return cfg, account, explain(err, f.route)
}

// tokenIn returns a function that reads a token from a file.
func tokenIn(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read -token-file: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
}

func wantsPassword(err error) bool {
	var e *proto.Error
	return errors.As(err, &e) && (e.Code == proto.Invalid || e.Code == proto.NameTaken || e.Code == proto.WrongPassword)
}

func (f *chatFlags) secret() (string, error) { return secretOf(f.password) }

// secretOf returns the password from the value of a flag -password. The value is the
// password itself, or names the file that has it.
func secretOf(password string) (string, error) {
	path, ok := strings.CutPrefix(password, "file:")
	if !ok {
		return password, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read -password: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// ask shows the prompt and reads a line that is not echoed.
func ask(prompt string) (string, error) {
	fmt.Print(prompt)
	line, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Println()
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(line), nil
}

// open opens the account's history. The account's id names the history, because the same
// name in another cluster is another user.
func (f *chatFlags) open(account client.User) (*history.File, error) {
	if f.history == "none" {
		return nil, nil
	}
	dir := f.history
	if dir == "" {
		var err error
		if dir, err = dataDir(); err != nil {
			return nil, err
		}
	}
	kept, err := history.Open(history.Path(dir, strconv.FormatInt(account.User, 10), f.device), history.Options{})
	if errors.Is(err, history.ErrLocked) {
		return nil, fmt.Errorf("%s is connected from another terminal on this machine: say another -device, or -history none", f.name)
	}
	return kept, err
}

// dataDir returns the folder in which programs of this user keep their data.
func dataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "cim"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the history: %w: say -history", err)
	}
	return filepath.Join(home, ".local", "share", "cim"), nil
}

// explain adds advice to an error.
func explain(err error, route string) error {
	var refused *proto.Error
	switch {
	case errors.As(err, &refused) && refused.Code == proto.NameTaken:
		return errors.New("the name belongs to somebody else, or the password is wrong")
	case errors.As(err, &refused):
		return errors.New(refused.Error()) // the sentence for people, without the texts of the errors that wrap it
	case errors.Is(err, client.ErrNoRoute):
		return fmt.Errorf("no route answers at %s (cim up starts a cluster here; -route says where another one is)", route)
	}
	return err
}
