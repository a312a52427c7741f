{{/* Labels of all objects. */}}
{{- define "peerpods.labels" -}}
app.kubernetes.io/name: peerpods
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: peerpods
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The adaptor's environment: a dictionary as YAML. The fake Azure's settings are for its own pod. */}}
{{- define "peerpods.configuration" -}}
{{- $keys := dict "CLOUD_PROVIDER" .Values.provider -}}
{{- range $key, $value := index .Values.providerConfigs .Values.provider -}}
{{- if not (hasPrefix "FAKE_" $key) }}{{ $_ := set $keys $key ($value | toString) }}{{ end -}}
{{- end -}}
{{- with .Values.tlsProfile.minVersion }}{{ $_ := set $keys "TLS_MIN_VERSION" . }}{{ end -}}
{{- with .Values.tlsProfile.cipherSuites }}{{ $_ := set $keys "TLS_CIPHER_SUITES" . }}{{ end -}}
{{- if not (get $keys "PEERPODS_LIMIT_PER_NODE") }}{{ $_ := set $keys "PEERPODS_LIMIT_PER_NODE" (.Values.limit | toString) }}{{ end -}}
{{- toYaml $keys -}}
{{- end -}}

{{- define "peerpods.usesFake" -}}
{{- if has (index .Values.providerConfigs .Values.provider "FAKE_CLOUD" | toString) (list "true" "1") }}true{{ end -}}
{{- end -}}

{{- define "peerpods.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.name }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.name }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "peerpods.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The name of the Secret with credentials, or nothing. */}}
{{- define "peerpods.secretName" -}}
{{- if eq .Values.secrets.mode "create" }}peer-pods-secret{{ else }}{{ .Values.secrets.existingSecretName }}{{ end -}}
{{- end -}}

{{/* The name of the Secret with certificates, or nothing. */}}
{{- define "peerpods.tlsSecretName" -}}
{{- if get (index .Values.providerConfigs .Values.provider) "CACERT_FILE" -}}
{{- if eq .Values.secrets.mode "create" }}certs-for-tls{{ else }}{{ .Values.secrets.existingTlsSecretName }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Where the pods of this chart run. */}}
{{- define "peerpods.placement" -}}
{{- with .Values.daemonset.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.daemonset.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.daemonset.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
