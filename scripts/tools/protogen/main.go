// Command protogen compiles .proto files to Go. It does the work of protoc and
// protoc-gen-go in one process, in versions pinned by this module's go.mod, so
// that nothing has to be installed by hand. It must not know which files those
// are: scripts/gen says so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/protoutil"
	"google.golang.org/protobuf/cmd/protoc-gen-go/internal_gengo"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	root := flag.String("root", ".", "directory that the files are named from")
	out := flag.String("out", ".", "directory to write under, in the same folders")
	flag.Parse()
	if err := run(*root, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(root, out string, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("name at least one .proto file, relative to -root")
	}
	descriptors, err := compile(root, files)
	if err != nil {
		return err
	}
	response, err := generate(files, descriptors)
	if err != nil {
		return err
	}
	for _, f := range response.GetFile() {
		path := filepath.Join(out, filepath.FromSlash(f.GetName()))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compile parses and links the files. Comments are kept, since they become the
// documentation of the Go types.
func compile(root string, files []string) ([]*descriptorpb.FileDescriptorProto, error) {
	compiler := protocompile.Compiler{
		Resolver:       &protocompile.SourceResolver{ImportPaths: []string{root}},
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	linked, err := compiler.Compile(context.Background(), files...)
	if err != nil {
		return nil, err
	}
	var descriptors []*descriptorpb.FileDescriptorProto
	for _, f := range linked {
		descriptors = append(descriptors, protoutil.ProtoFromFileDescriptor(f))
	}
	return descriptors, nil
}

// generate makes Go of the descriptors, which must not import other files.
func generate(files []string, descriptors []*descriptorpb.FileDescriptorProto) (*pluginpb.CodeGeneratorResponse, error) {
	plugin, err := protogen.Options{}.New(&pluginpb.CodeGeneratorRequest{
		FileToGenerate: files,
		Parameter:      proto.String("paths=source_relative"),
		ProtoFile:      descriptors,
	})
	if err != nil {
		return nil, err
	}
	for _, f := range plugin.Files {
		if f.Generate {
			internal_gengo.GenerateFile(plugin, f)
		}
	}
	response := plugin.Response()
	if response.Error != nil {
		return nil, fmt.Errorf("%s", response.GetError())
	}
	return response, nil
}
