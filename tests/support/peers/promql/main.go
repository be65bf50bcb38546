// Reads queries and rules as Prometheus does.
//
// Without arguments a line of standard input is a JSON string with a query, and a line of the output tells what it names or why
// it is none. With the path of a rules file, the file is checked as promtool does, and each line of the output is a rule.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type selector struct {
	Metric string            `json:"metric"`
	Equal  map[string]string `json:"equal"`
	Labels []string          `json:"labels"`
}

type told struct {
	Error     string     `json:"error,omitempty"`
	Selectors []selector `json:"selectors"`
	// Labels that results are grouped or joined by.
	Grouping []string `json:"grouping"`
}

func read(query string) told {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return told{Error: err.Error()}
	}
	result := told{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			found := selector{Metric: node.Name, Equal: map[string]string{}}
			for _, matcher := range node.LabelMatchers {
				if matcher.Name == labels.MetricName {
					continue
				}
				found.Labels = append(found.Labels, matcher.Name)
				if matcher.Type == labels.MatchEqual {
					found.Equal[matcher.Name] = matcher.Value
				}
			}
			result.Selectors = append(result.Selectors, found)
		case *parser.AggregateExpr:
			result.Grouping = append(result.Grouping, node.Grouping...)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				result.Grouping = append(result.Grouping, node.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return result
}

func rules(file string) {
	groups, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	for _, err := range errs {
		fmt.Fprintln(os.Stderr, err)
	}
	if len(errs) > 0 {
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			told := map[string]any{
				"alert": rule.Alert, "expr": rule.Expr, "labels": rule.Labels, "annotations": rule.Annotations,
			}
			if err := out.Encode(told); err != nil {
				panic(err)
			}
		}
	}
}

func main() {
	if len(os.Args) > 1 {
		rules(os.Args[1])
		return
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var query string
		if err := json.Unmarshal(lines.Bytes(), &query); err != nil {
			panic(err)
		}
		if err := out.Encode(read(query)); err != nil {
			panic(err)
		}
	}
}
