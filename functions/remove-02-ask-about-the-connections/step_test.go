package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/rdslink/rdslink/internal/belongings/belongingstest"
	"github.com/rdslink/rdslink/internal/golden"
	"github.com/rdslink/rdslink/internal/outcome"
	"github.com/rdslink/rdslink/internal/registry"
)

type world struct {
	*belongingstest.Cloud
	text string
}

func (w *world) StoreRemoval(_ context.Context, _, _ string, token registry.Token) error {
	w.Mutate("store %s", token.Value)
	return w.Lost
}

func (w *world) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	w.Mutate("publish")
	w.text = *in.Subject + "\n\n" + *in.Message + "\n"
	return &sns.PublishOutput{}, nil
}

func (w *world) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	w.Mutate("invoke %s", *in.FunctionName)
	return &lambda.InvokeOutput{}, nil
}

func TestRun(t *testing.T) {
	for name, row := range map[string]struct {
		drift func(*world)
		want  []string
		err   string
	}{
		"who is connected is named":            {want: []string{"store secret", "publish"}},
		"nobody is connected any more":         {drift: func(w *world) { w.Connections = nil }, want: []string{"store secret", "invoke rdslink-decision"}},
		"a later attempt waits, and asks once": {drift: func(w *world) { w.Lost = outcome.Conflict("overtaken") }, want: []string{"store secret"}, err: "Conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{Cloud: belongingstest.Whole()}
			if row.drift != nil {
				row.drift(w)
			}
			s := askAboutTheConnections{found: w.Found(), registry: w, topic: w, operators: "topic", functions: w, region: "eu-central-1", now: time.Now}
			_, err := s.run(t.Context(), Input{Exposure: belongingstest.Exposure, Token: "secret", Execution: "arn:aws:states:…:execution:rdslink-remove:1"})
			if outcome.Name(err) != row.err || !slices.Equal(w.Mutations, row.want) {
				t.Errorf("%v, %v, want %s, %v", err, w.Mutations, row.err, row.want)
			}
			if w.text != "" {
				golden.Compare(t, "ask.txt", w.text)
			}
		})
	}
}
