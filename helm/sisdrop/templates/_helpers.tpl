{{- define "sisdrop.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sisdrop.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "sisdrop.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "sisdrop.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* The full name with a suffix that survives when it is too long: (list $ "suffix") */}}
{{- define "sisdrop.componentName" -}}
{{- $suffix := printf "-%s" (index . 1) }}
{{- $base := include "sisdrop.fullname" (index . 0) | trunc (int (sub 63 (len $suffix))) | trimSuffix "-" }}
{{- print $base $suffix }}
{{- end }}

{{- define "sisdrop.namespace" -}}
{{- .Release.Namespace }}
{{- end }}

{{- define "sisdrop.selectorLabels" -}}
app.kubernetes.io/name: {{ include "sisdrop.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sisdrop.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "sisdrop.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sisdrop.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sisdrop.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "sisdrop.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "sisdrop.dataClaim" -}}
{{- default (include "sisdrop.componentName" (list . "data")) .Values.persistence.existingClaim }}
{{- end }}

{{- define "sisdrop.knownHostsConfigMap" -}}
{{- default (include "sisdrop.componentName" (list . "known-hosts")) .Values.knownHosts.existingConfigMap }}
{{- end }}

{{- /* The service's settings: the user's, and those that the chart decides. */}}
{{- define "sisdrop.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $sftp := default dict $config.sftp }}
{{- $_ := set $config "sftp" $sftp }}
{{- $_ := set $sftp "known_hosts" "/known-hosts/known_hosts" }}
{{- with .Values.secretKeys }}
{{- if .privateKey }}{{ $_ := set $sftp "key" "/secrets/id" }}{{ end }}
{{- if .passphrase }}{{ $_ := set $sftp "passphrase_file" "/secrets/passphrase" }}{{ end }}
{{- if .password }}{{ $_ := set $sftp "password_file" "/secrets/password" }}{{ end }}
{{- if and .mailPassword $config.notify }}{{ $_ := set $config.notify "password_file" "/secrets/mail-password" }}{{ end }}
{{- end }}
{{- $_ := set $config "inbox" (merge (dict "path" "/inbox") (default dict $config.inbox)) }}
{{- $_ := set $config "data" "/data" }}
{{- $_ := set $config "http" (dict "host" "0.0.0.0" "port" 8080) }}
{{- toYaml $config }}
{{- end }}

{{- /* Whether a kind of the Prometheus operator is rendered: (list $ values kind) */}}
{{- define "sisdrop.rendersMonitoring" -}}
{{- $root := index . 0 }}{{ $values := index . 1 }}{{ $kind := index . 2 }}
{{- if $values.enabled }}
{{- $known := $root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" $kind) }}
{{- if or $known (eq $values.renderMode "alwaysRender") }}yes
{{- else if eq $values.renderMode "failIfMissing" }}
{{- fail (printf "This cluster does not know %s: install the Prometheus operator first, or set renderMode to skipIfMissing." $kind) }}
{{- end }}
{{- end }}
{{- end }}
