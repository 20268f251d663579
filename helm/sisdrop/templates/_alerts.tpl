{{- /* What tells this release's series from those of others, by the labels that our monitors give.
absent() keeps only labels that are matched with `=`. */}}
{{- define "sisdrop.alertSelector" -}}
{{- $namespace := include "sisdrop.namespace" . }}
{{- $name := include "sisdrop.fullname" . }}
{{- with .Values.metrics }}
{{- if .prometheusRule.selector }}
{{- .prometheusRule.selector }}
{{- else if .podMonitor.enabled }}
{{- printf "namespace=%q,job=\"%s/%s\"" $namespace (default $namespace .podMonitor.namespace) $name }}
{{- else }}
{{- printf "namespace=%q,job=%q" $namespace $name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sisdrop.runbookUrl" -}}
{{- with .Values.metrics.prometheusRule.runbookUrl }}
{{- trimSuffix "/" . }}/
{{- else }}
{{- if not .Values.service.enabled }}
{{- fail "metrics.prometheusRule.runbookUrl is missing: without the Service nobody can read the runbooks in the cluster. Say where they are." }}
{{- end }}
{{- printf "http://%s.%s.svc:%d/runbooks/" (include "sisdrop.fullname" .) (include "sisdrop.namespace" .) (int .Values.service.port) }}
{{- end }}
{{- end }}

{{- /* A duration of the settings (`90s`, `1.5h`, `60d`) in whole seconds. */}}
{{- define "sisdrop.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1 "m" 60 "h" 3600 "d" 86400 }}
{{- mulf (regexFind "^[0-9.]+" .) (get $units (regexFind "[a-z]+$" .)) | int64 }}
{{- end }}

{{- /* For how long the archive may keep a file, in seconds; nothing where it may for ever. */}}
{{- define "sisdrop.longestRetention" -}}
{{- $archive := default dict .Values.config.archive }}
{{- $rejected := "60d" }}
{{- if hasKey $archive "rejected_retention" }}{{ $rejected = $archive.rejected_retention }}{{ end }}
{{- if and $rejected (not $archive.keep_last) }}
{{- max (include "sisdrop.seconds" (default "60d" $archive.retention)) (include "sisdrop.seconds" $rejected) }}
{{- end }}
{{- end }}

{{- /* The rules of all alerts: a file of files/alerts for each, which sees its thresholds and what
stands in the context below. */}}
{{- define "sisdrop.alerts" -}}
{{- $rules := list }}
{{- $name := include "sisdrop.fullname" . }}
{{- $kubectl := printf "kubectl -n %s" (include "sisdrop.namespace" .) }}
{{- $context := dict
  "selector" (include "sisdrop.alertSelector" .)
  "retention" (include "sisdrop.longestRetention" .)
  "deployment" (printf "deploy/%s" $name)
  "pods" (printf "-l app.kubernetes.io/instance=%s" .Release.Name)
  "kubectl" $kubectl
  "sisdrop" (printf "%s exec deploy/%s -- sisdrop" $kubectl $name) }}
{{- range $path, $_ := .Files.Glob "files/alerts/*.yaml" }}
{{- $alert := trimSuffix ".yaml" (base $path) }}
{{- if not (has $alert $.Values.metrics.prometheusRule.excludeRules) }}
{{- $thresholds := index $.Values.metrics.prometheusRule.thresholds $alert }}
{{- range fromYamlArray (tpl ($.Files.Get $path) (merge (dict) $thresholds $context)) }}
{{- $_ := set .annotations "runbook_url" (print (include "sisdrop.runbookUrl" $) $alert) }}
{{- $rules = append $rules . }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}
