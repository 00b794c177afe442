/** The colours of one picture. Both themes keep text at a contrast of 4.5 or more against what it stands on. */
export interface Theme {
  canvas: string
  frame: string
  /** The inside of states, by depth; deeper ones repeat the last. */
  surfaces: readonly string[]
  border: string
  bar: string
  finalBar: string
  finalBorder: string
  text: string
  muted: string
  accent: string
  line: string
  label: string
  labelBorder: string
}

export const themes: Readonly<Record<'light' | 'dark', Theme>> = {
  light: {
    canvas: '#ffffff',
    frame: '#d8dee8',
    surfaces: ['#f7f9fc', '#ffffff'],
    border: '#b7c3d6',
    bar: '#e6edfa',
    finalBar: '#e4f3ea',
    finalBorder: '#7fb595',
    text: '#172033',
    muted: '#566178',
    accent: '#3355c4',
    line: '#7d8ba3',
    label: '#ffffff',
    labelBorder: '#d8dee8',
  },
  dark: {
    canvas: '#0d1117',
    frame: '#2b3442',
    surfaces: ['#131a24', '#1a2230'],
    border: '#41506a',
    bar: '#22304d',
    finalBar: '#173526',
    finalBorder: '#3f7f5b',
    text: '#e8edf6',
    muted: '#9aa7bd',
    accent: '#9db6ff',
    line: '#76859f',
    label: '#0d1117',
    labelBorder: '#2f3a4b',
  },
}
