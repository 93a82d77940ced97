package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func testProgram() *program {
	return &program{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
}

func TestArrange(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"id", "id --"},
		{"--json id", "--json id --"},
		{"id --json", "--json id --"},
		{"id -json", "--json id --"},
		{"id --json=false", "--json=false id --"},
		{"--qr --socket /s id", "--socket=/s id --qr --"},
		{"id --socket=/s --qr", "--socket=/s id --qr --"},
		{"find W --json --socket /s", "--json --socket=/s find -- W"},
		{"invite --content - W --app x", "invite --content=- --app=x -- W"},
		{"invite W --content --json", "invite --content=--json -- W"},
		{"invite W --content -x=y", "invite --content=-x=y -- W"},
		{"invite W --content --", "invite --content=-- -- W"},
		{"invite W --content=", "invite --content= -- W"},
		{"invite W --content=a=b", "invite --content=a=b -- W"},
		{"invite --content x -- --json", "invite --content=x -- --json"},
		{"-- id", "id --"},
		{"find -- -W", "find -- -W"},
		{"find - --json", "--json find -- -"},
		{"-n 5 ping W", "ping -n=5 -- W"},
		{"ping W -n5", "ping -n=5 -- W"},
		{"ping W -n=5", "ping -n=5 -- W"},
		{"ping W --n 5", "ping -n=5 -- W"},
		{"ls -n -3", "ls -n=-3 --"},
		{"listen --exec id", "listen --exec=id --"},
		{"accept --no-wait I", "accept --no-wait -- I"},
		{"--help", "--help"},
		{"", "--help"},
		{"help", "--help"},
		{"help invite", "invite --help"},
		{"invite --help", "invite --help"},
		{"-h invite --json", "invite --help"},
		{"--version", "version --"},
		{"-v --json", "--json version --"},
	} {
		p := testProgram()
		got, err := arrange(p.app(), append([]string{"beckon"}, strings.Fields(tc.in)...))
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		} else if want := append([]string{"beckon"}, strings.Fields(tc.want)...); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", tc.in, got, want)
		}
	}
}

func TestArrangeRefuses(t *testing.T) {
	for _, tc := range []struct{ in, text, hint string }{
		{"bogus", `there is no command "bogus"`, ""},
		{"invit W", `there is no command "invit"`, "did you mean invite?"},
		{"--jsn id", `there is no flag "--jsn"`, "did you mean --json?"},
		{"id --bogus=secret", `there is no flag "--bogus"`, ""},
		{"id -x", `there is no flag "-x"`, ""},
		{"id --app x", "id does not take --app", "beckon id --help"},
		{"--app x id", "id does not take --app", ""},
		{"find", "find needs WHO", "usage: beckon find WHO"},
		{"find a b", `find does not take the argument "b"`, ""},
		{"id -- --json", `id does not take the argument "--json"`, ""},
		{"invite W --content", "--content needs a value", ""},
		{"--json", "a command is missing", ""},
		{"help bogus", `there is no command "bogus"`, ""},
	} {
		p := testProgram()
		_, err := arrange(p.app(), append([]string{"beckon"}, strings.Fields(tc.in)...))
		var u *usageError
		if !errors.As(err, &u) || u.text != tc.text || u.hint == "" || !strings.Contains(u.hint, tc.hint) {
			t.Errorf("%q: got %#v, want %q with hint %q", tc.in, err, tc.text, tc.hint)
		}
	}
}

// Before the command is known, a flag must mean the same for all of them.
func TestFlagsTakeAValueInAllCommandsOrInNone(t *testing.T) {
	app := testProgram().app()
	takes := map[string]bool{}
	for _, flags := range append([][]cli.Flag{app.Flags}, commandFlags(app)...) {
		for _, f := range flags {
			for _, name := range f.Names() {
				if before, known := takes[name]; known && before != takesValue(f) {
					t.Errorf("%s takes a value in one command and none in another", dashed(name))
				}
				takes[name] = takesValue(f)
			}
		}
	}
}

func commandFlags(app *cli.App) (all [][]cli.Flag) {
	for _, cmd := range app.Commands {
		all = append(all, cmd.Flags)
	}
	return all
}

func TestWantsJSON(t *testing.T) {
	for in, want := range map[string]bool{
		"--json bogus": true, "bogus -json": true, "bogus": false, "--json=false bogus": false, "bogus -- --json": false,
	} {
		if got := wantsJSON(append([]string{"beckon"}, strings.Fields(in)...)); got != want {
			t.Errorf("%q: got %t", in, got)
		}
	}
}
