package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts args into the order that the library reads: the program's
// flags, the command, its flags, "--", its arguments. Flags may stand anywhere
// in args until a "--"; one that takes a value takes the next word, whatever
// that is. It also refuses what the library would take or word badly.
func arrange(app *cli.App, args []string) ([]string, error) {
	if n := len(args); n > 1 && args[n-1] == "--generate-bash-completion" {
		return args, nil
	}
	flags, words, err := split(allFlags(app), args[1:])
	if err != nil {
		return nil, err
	}
	words, flags = helpAndVersion(words, flags)
	help := slices.ContainsFunc(flags, isHelp)
	if len(words) == 0 {
		if len(flags) == 0 || help {
			return []string{args[0], "--help"}, nil
		}
		return nil, usagef("beckon --help lists the commands", "a command is missing")
	}
	cmd := app.Command(words[0])
	if cmd == nil {
		return nil, unknownCommand(app, words[0])
	}
	if help {
		return []string{args[0], cmd.Name, "--help"}, nil
	}
	arranged := []string{args[0]}
	own := []string{cmd.Name}
	for _, f := range flags {
		switch {
		case has(app.Flags, f.name):
			arranged = append(arranged, f.text)
		case has(cmd.Flags, f.name):
			own = append(own, f.text)
		default:
			return nil, usagef("beckon "+cmd.Name+" --help lists its flags", "%s does not take %s", cmd.Name, dashed(f.name))
		}
	}
	if err := checkCount(cmd, words[1:]); err != nil {
		return nil, err
	}
	arranged = append(arranged, own...)
	return append(append(arranged, "--"), words[1:]...), nil
}

// flagWord is a flag as it was found: its name, and the text that gives it to
// the library in one word.
type flagWord struct{ name, text string }

// split tells the flags of args from the other words.
func split(known map[string]cli.Flag, args []string) (flags []flagWord, words []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return flags, append(words, args[i+1:]...), nil
		}
		if len(arg) < 2 || arg[0] != '-' {
			words = append(words, arg)
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		f := known[name]
		if f == nil && !hasValue && len(arg) > 2 && arg[1] != '-' && takesValue(known[arg[1:2]]) {
			name, value, hasValue = arg[1:2], arg[2:], true // -n5
			f = known[name]
		}
		switch {
		case f == nil:
			return nil, nil, unknownFlag(known, arg)
		case takesValue(f) && !hasValue:
			if i++; i == len(args) {
				return nil, nil, usagef("write "+dashed(name)+"=VALUE", "%s needs a value", dashed(name))
			}
			value, hasValue = args[i], true
		}
		text := dashed(name)
		if hasValue {
			text += "=" + value
		}
		flags = append(flags, flagWord{name: f.Names()[0], text: text})
	}
	return flags, words, nil
}

// helpAndVersion turns the other ways to ask for help and the version into the
// flag --help and the command version.
func helpAndVersion(words []string, flags []flagWord) ([]string, []flagWord) {
	if len(words) > 0 && (words[0] == "help" || words[0] == "h") {
		return words[1:], append(flags, flagWord{name: "help", text: "--help"})
	}
	if others := slices.DeleteFunc(slices.Clone(flags), isVersion); len(others) < len(flags) {
		return []string{"version"}, others
	}
	return words, flags
}

func isVersion(f flagWord) bool { return f.name == "version" }

func isHelp(f flagWord) bool { return f.name == "help" }

func checkCount(cmd *cli.Command, words []string) error {
	hint := "usage: beckon " + strings.TrimSpace(cmd.Name+" "+cmd.ArgsUsage)
	wanted := strings.Fields(cmd.ArgsUsage)
	if len(words) < len(wanted) {
		return usagef(hint, "%s needs %s", cmd.Name, strings.Join(wanted[len(words):], " "))
	}
	if len(words) > len(wanted) {
		return usagef(hint, "%s does not take the argument %q", cmd.Name, words[len(wanted)])
	}
	return nil
}

func allFlags(app *cli.App) map[string]cli.Flag {
	known := map[string]cli.Flag{}
	add := func(flags ...cli.Flag) {
		for _, f := range flags {
			for _, name := range f.Names() {
				known[name] = f
			}
		}
	}
	add(cli.HelpFlag)
	add(app.Flags...)
	for _, cmd := range app.Commands {
		add(cmd.Flags...)
	}
	return known
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func has(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func unknownCommand(app *cli.App, word string) error {
	var names []string
	for _, cmd := range app.Commands {
		names = append(names, cmd.Name)
	}
	return usagef(nearest(word, names)+"beckon --help lists the commands", "there is no command %q", word)
}

func unknownFlag(known map[string]cli.Flag, word string) error {
	word, _, _ = strings.Cut(word, "=")
	var names []string
	for name := range known {
		names = append(names, dashed(name))
	}
	slices.Sort(names)
	return usagef(nearest(word, names)+"beckon COMMAND --help lists the flags of a command", "there is no flag %q", word)
}

// nearest asks whether another word was meant, if one is like it.
func nearest(word string, names []string) string {
	best, distance := "", 3
	for _, name := range names {
		if d := edits(word, name); d < distance && d < len(name)-1 {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s? ", best)
}

// edits is the number of letters to add, drop or change to make a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// wantsJSON reads --json from args that are otherwise in error.
func wantsJSON(args []string) bool {
	for _, arg := range args[1:] {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		switch {
		case arg == "--":
			return false
		case arg[:min(1, len(arg))] != "-" || name != "-json" && name != "json":
		case !hasValue:
			return true
		default:
			yes, _ := strconv.ParseBool(value)
			return yes
		}
	}
	return false
}
