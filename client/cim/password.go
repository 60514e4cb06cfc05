package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/cim-route/routeserver"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/accounts"
)

// runPassword is `cim password NAME`, with which an operator sets a new password for an
// account, and ends all its sessions. It needs access to the store, which nodes do not
// have. The password comes from the terminal or the standard input, so that no list of
// processes shows it.
func runPassword(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim password", flag.ContinueOnError)
	fs.SetOutput(stderr)
	var at routeserver.Flags
	at.RegisterStore(fs)
	words, err := process.ParseWords(fs, "NAME", args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("%w: want cim password NAME; the password comes from the terminal or the standard input", process.ErrUsage)
	}
	store, err := storeAt(ctx, &at)
	if err != nil {
		return err
	}
	defer store.Close()
	account, err := accountNamed(ctx, store, words[0])
	if err != nil {
		return err
	}
	if accounts.IsSubject(account.Credential) {
		return fmt.Errorf("%s logs in by the tokens of another system, and has no password", account.Name)
	}
	password, err := newPassword(os.Stdin)
	if err != nil {
		return err
	}
	return resetPassword(ctx, store, account, password, os.Stdout)
}

// resetPassword sets the password before it ends the sessions. So a device that logs in
// with the old password meanwhile is refused, or is logged out afterwards.
func resetPassword(ctx context.Context, store *record.Store, account record.Account, password string, out io.Writer) error {
	if err := store.SetCredential(ctx, account, identity.HashPassword(password)); err != nil {
		return err
	}
	live, err := store.EndSessions(ctx, account.User, record.Revoking{}, nil)
	if err != nil {
		return fmt.Errorf("the password was changed, and sessions go on; run it again: %w", err)
	}
	fmt.Fprintf(out, "%s (%d) has a new password. All tokens are void. %d connections close within half a minute.\n",
		account.Name, account.User, len(live))
	return nil
}

// newPassword asks for the password twice if the input is a terminal. From any other
// input, it reads one line.
func newPassword(in *os.File) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		return line, check.NewPassword(line)
	}
	first, err := ask("new password: ")
	if err != nil {
		return "", err
	}
	again, err := ask("new password again: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the passwords differ, nothing was changed")
	}
	return first, check.NewPassword(first)
}
