package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"
)

// quickly is how long the daemon may take for what it answers from memory.
const quickly = 10 * time.Second

// app is the tree of commands. The number of words in a command's ArgsUsage
// is the number of arguments that it needs.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:            "beckon",
		Usage:           "invite somebody, wherever they are",
		Description:     description,
		Version:         version(),
		HideVersion:     true,
		HideHelpCommand: true,
		Reader:          p.stdin,
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		Before:          p.before,
		OnUsageError:    badValue,
		ExitErrHandler:  func(*cli.Context, error) {}, // exit.go does it

		EnableBashCompletion:      true,
		DisableSliceFlagSeparator: true,
		CustomAppHelpTemplate:     appHelp,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "write JSON: one object, or one a line", DisableDefaultText: true},
			&cli.StringFlag{Name: "socket", Usage: "`PATH` of beckond's socket (default: $BECKON_SOCKET, else where beckond listens unless told otherwise)"},
			&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version", DisableDefaultText: true},
		},
		Commands: []*cli.Command{
			p.idCommand(), p.statusCommand(), p.doctorCommand(), p.findCommand(), p.pingCommand(),
			p.inviteCommand(), p.listenCommand(),
			p.acceptCommand(), p.refuseCommand(), p.cancelCommand(),
			p.lsCommand(), p.showCommand(), p.explainCommand(), p.eventsCommand(),
			p.onlineCommand(), p.offlineCommand(), p.versionCommand(),
		},
	}
	for _, cmd := range app.Commands {
		cmd.HideHelpCommand = true
		cmd.OnUsageError = badValue
		cmd.CustomHelpTemplate = commandHelp
	}
	return app
}

// quick bounds a call that the daemon answers at once.
func quick(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, quickly)
}

const description = `beckon talks to beckond, the daemon that rings and is rung. Start that first.

      beckond &                    be reachable
      beckon id                    what others invite you by
      beckon listen                wait to be rung
      beckon invite WHO            ring somebody

WHO is a peer ID or an invite link. Flags may stand anywhere; -- ends them.

Exit codes: 0 done or accepted, 1 other failure, 2 wrong usage, 3 no daemon,
4 peer offline or not found, 5 peer did not respond, 6 refused, 7 expired,
8 canceled, 130 interrupted.`

const appHelp = `{{.Name}} - {{.Usage}}

Usage:
   beckon COMMAND [ARGUMENTS] [FLAGS]

{{.Description}}

Commands:{{range .VisibleCommands}}
   {{.Name}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}{{"\t"}}{{.Usage}}{{end}}

Flags of all commands:{{range .VisibleFlags}}
   {{.}}{{end}}
`

const commandHelp = `{{.HelpName}} - {{.Usage}}

Usage:
   {{.HelpName}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}{{if .VisibleFlags}} [FLAGS]{{end}}{{if .Description}}

{{.Description}}{{end}}{{if .VisibleFlags}}

Flags:{{range .VisibleFlags}}
   {{.}}{{end}}
{{end}}
Flags of all commands, --json and --socket among them: beckon --help
`
