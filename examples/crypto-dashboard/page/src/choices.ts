import { html, the } from './elements.js'

/** A row of radio buttons in the panel's head; `choose` hears of each choice. */
export function offerChoices<Choice extends string>(
  panel: HTMLElement,
  names: readonly Choice[],
  chosen: Choice,
  choose: (choice: Choice) => void,
): void {
  the('.choices', panel).append(
    ...names.map((name) =>
      html(
        'label',
        {},
        html('input', {
          type: 'radio',
          name: `${panel.id}-choice`,
          value: name,
          checked: name === chosen,
          change: () => choose(name),
        }),
        name,
      ),
    ),
  )
}
